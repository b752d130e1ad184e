package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"

	"lastwrite/cmd/lastwrite/config"
	"lastwrite/integration/lab"
)

// composeProject reads docker-compose.yml as the Compose tools do, with some variables set.
func composeProject(t *testing.T, variables map[string]string) *types.Project {
	t.Helper()
	root, err := filepath.Abs("..")
	require.NoError(t, err)
	file := filepath.Join(root, "docker-compose.yml")
	project, err := loader.LoadWithContext(t.Context(), types.ConfigDetails{
		WorkingDir: root, ConfigFiles: []types.ConfigFile{{Filename: file}}, Environment: types.Mapping(variables),
	})
	require.NoError(t, err)
	return project
}

func TestComposeFileIsValidForEveryRelease(t *testing.T) {
	for variable, tag := range map[string]string{"": "8.4", "8.0": "8.0", "9.7.4": "9.7.4"} {
		variables := map[string]string{}
		if variable != "" {
			variables["MYSQL_VERSION"] = variable
		}
		project := composeProject(t, variables)
		require.ElementsMatch(t, []string{"primary", "replica", "store", "lastwrite"}, project.ServiceNames())
		for _, server := range []string{"primary", "replica"} {
			require.Equal(t, "mysql:"+tag, project.Services[server].Image)
			for _, port := range project.Services[server].Ports {
				require.Equal(t, "127.0.0.1", port.HostIP, "%s must not be reachable from elsewhere", server)
			}
		}
		// mysqld of a restore must be of the source's release.
		require.Equal(t, tag, *project.Services["lastwrite"].Build.Args["MYSQL_VERSION"])
	}
}

func TestComposeFileNamesWhatExists(t *testing.T) {
	project := composeProject(t, nil)
	for name, service := range project.Services {
		if service.Build == nil {
			continue
		}
		text, err := os.ReadFile(filepath.Join(service.Build.Context, service.Build.Dockerfile))
		require.NoError(t, err, name)
		require.Contains(t, string(text), " AS "+service.Build.Target+"\n", name)
		for arg := range service.Build.Args {
			require.Contains(t, string(text), "ARG "+arg+"=", name)
		}
		for _, line := range strings.Split(string(text), "\n") {
			if from, ok := strings.CutPrefix(line, "COPY "); ok && !strings.HasPrefix(from, "--from") {
				for _, source := range strings.Fields(from)[:len(strings.Fields(from))-1] {
					require.FileExists(t, filepath.Join(service.Build.Context, strings.TrimSuffix(source, "/"), there(source)), line)
				}
			}
		}
	}
}

// there is a file that must be in a directory which an image copies.
func there(source string) string {
	if strings.HasSuffix(source, "/") || source == "." {
		return "go.mod"
	}
	return ""
}

// The sidecar is set up by its environment alone, and every variable of it is one that the program reads.
func TestComposeFileConfiguresTheSidecar(t *testing.T) {
	sidecar := composeProject(t, nil).Services["lastwrite"]
	getenv := func(name string) string {
		if value := sidecar.Environment[name]; value != nil {
			return *value
		}
		return ""
	}
	c, _, err := config.Loader{Getenv: getenv, Dir: "/"}.Load()
	require.NoError(t, err)
	require.NoError(t, c.CheckSource())
	require.Equal(t, "primary:3306", c.Source.Server.Endpoint.Address)
	known := map[string]bool{}
	for _, s := range c.Settings() {
		known[s.Env] = true
	}
	for name := range sidecar.Environment {
		require.True(t, known[name] || strings.HasPrefix(name, "AWS_"), "nothing reads %s", name)
	}
	require.Greater(t, time.Duration(*sidecar.StopGracePeriod), c.Stream.ShutdownTimeout, "the sidecar must not be killed while it stores what is whole")
	require.Equal(t, types.ShellCommand{"run"}, sidecar.Command)
}

// The servers' options and first statements are tried on a real server.
func TestComposeFilesServersStart(t *testing.T) {
	project := composeProject(t, nil)
	l := lab.New(t)
	tools, err := l.Tools(t.Context())
	require.NoError(t, err)
	for _, name := range []string{"primary", "replica"} {
		args := append([]string{"--no-defaults", "--validate-config", "--secure-file-priv=NULL", "--datadir=" + t.TempDir()}, project.Services[name].Command...)
		if os.Geteuid() == 0 {
			args = append(args, "--user=root")
		}
		out, err := exec.CommandContext(t.Context(), tools.Mysqld, args...).CombinedOutput()
		require.NoError(t, err, "%s: %s", name, out)
	}
	server, err := l.MySQL(t.Context(), lab.Options{})
	require.NoError(t, err)
	require.NoError(t, server.Exec(t.Context(), "DROP USER IF EXISTS lastwrite, repl"))
	for _, script := range []string{"accounts", "follow"} {
		for _, statement := range strings.Split(project.Configs[script].Content, ";\n") {
			if strings.TrimSpace(statement) != "" {
				require.NoError(t, server.Exec(t.Context(), statement), script)
			}
		}
	}
}
