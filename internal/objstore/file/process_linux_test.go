package file_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"lastwrite/internal/objstore"
	"lastwrite/internal/objstore/file"
)

// A test that needs other processes starts itself again with this variable set to
// what the child is to do, a space and the directory of the store.
const childEnv = "LASTWRITE_TEST_FILE_CHILD"

// TestChild is the child of the tests below; by itself it does nothing.
func TestChild(t *testing.T) {
	role, dir, _ := strings.Cut(os.Getenv(childEnv), " ")
	child, known := map[string]func(*testing.T, string){
		"race": raceChild, "write": writeChild, "full": fullChild,
	}[role]
	if !known {
		t.Skip("not a child")
	}
	child(t, dir)
}

// child prepares a child process; its lines arrive on standard output.
func child(t *testing.T, role, dir string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestChild$", "-test.v")
	cmd.Env = append(os.Environ(), childEnv+"="+role+" "+dir)
	cmd.Stderr = os.Stderr
	return cmd
}

const (
	raceRounds = 40
	raceSwaps  = 25
)

func raceChild(t *testing.T, dir string) {
	s := open(t, dir)
	me := strconv.Itoa(os.Getpid())
	for round := range raceRounds {
		_, err := s.PutIf(t.Context(), fmt.Sprintf("race/%d", round), body(me), objstore.IfAbsent())
		if err == nil {
			fmt.Println("won", round)
			continue
		}
		require.ErrorIs(t, err, objstore.ErrPrecondition)
	}
	for done := 0; done < raceSwaps; {
		content, info, err := objstore.ReadAll(t.Context(), s, "counter", 100)
		require.NoError(t, err)
		n, err := strconv.Atoi(string(content))
		require.NoError(t, err)
		_, err = s.PutIf(t.Context(), "counter", body(strconv.Itoa(n+1)), objstore.IfMatch(info.Version))
		if err == nil {
			done++
			continue
		}
		require.ErrorIs(t, err, objstore.ErrPrecondition)
	}
}

// TestProcesses: the promises hold among processes, too.
func TestProcesses(t *testing.T) {
	const processes = 4
	dir := t.TempDir()
	s := open(t, dir)
	_, err := s.Put(t.Context(), "counter", body("0"))
	require.NoError(t, err)
	outputs := make([]bytes.Buffer, processes)
	children := make([]*exec.Cmd, processes)
	for i := range children {
		children[i] = child(t, "race", dir)
		children[i].Stdout = &outputs[i]
		require.NoError(t, children[i].Start())
	}
	wins := map[string]int{}
	for i, c := range children {
		require.NoError(t, c.Wait(), outputs[i].String())
		for line := range strings.Lines(outputs[i].String()) {
			if round, won := strings.CutPrefix(line, "won "); won {
				wins[round]++
			}
		}
	}
	require.Len(t, wins, raceRounds)
	for round, n := range wins {
		require.Equal(t, 1, n, "winners of round %s", round)
	}
	content, _, err := objstore.ReadAll(t.Context(), s, "counter", 100)
	require.NoError(t, err)
	require.Equal(t, strconv.Itoa(processes*raceSwaps), string(content))
}

const writeSize = 400_000

func writeChild(t *testing.T, dir string) {
	s := open(t, dir)
	for i := 0; ; i++ {
		content := bytes.Repeat([]byte{byte('a' + i%26)}, writeSize)
		_, err := s.PutIf(t.Context(), fmt.Sprintf("log/%d/%d", os.Getpid(), i), objstore.Bytes(content), objstore.IfAbsent())
		require.NoError(t, err)
		fmt.Println("stored", i)
		_, err = s.Put(t.Context(), "head", objstore.Bytes(content))
		require.NoError(t, err)
	}
}

// TestKilledWriter: whatever moment a writer is killed at, each object is whole, those
// whose write had returned are there, and nothing else shows.
func TestKilledWriter(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	for round := range 6 {
		writer := child(t, "write", dir)
		out, err := writer.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, writer.Start())
		lines := bufio.NewScanner(out)
		stored := 0
		for stored < 3+round && lines.Scan() {
			if strings.HasPrefix(lines.Text(), "stored ") {
				stored++
			}
		}
		require.NoError(t, writer.Process.Kill())
		_ = writer.Wait() // it was killed
		for i := range stored {
			_, _, err := objstore.ReadAll(t.Context(), s, fmt.Sprintf("log/%d/%d", writer.Process.Pid, i), writeSize)
			require.NoError(t, err)
		}
	}
	for info, err := range s.List(t.Context(), "", "") {
		require.NoError(t, err)
		require.True(t, info.Key == "head" || strings.HasPrefix(info.Key, "log/"), info.Key)
		content, _, err := objstore.ReadAll(t.Context(), s, info.Key, writeSize)
		require.NoError(t, err)
		require.Len(t, content, writeSize)
		require.Equal(t, writeSize, bytes.Count(content, content[:1]), "%s is not whole", info.Key)
	}
}

func fullChild(t *testing.T, dir string) {
	require.NoError(t, syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=4m"))
	s, err := file.Open(file.Options{Root: dir})
	require.NoError(t, err)
	_, err = s.Put(t.Context(), "k", body("before"))
	require.NoError(t, err)
	large := objstore.Bytes(make([]byte, 8<<20))
	_, err = s.Put(t.Context(), "k", large)
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.ErrorContains(t, err, "no space left on device")
	_, err = s.PutIf(t.Context(), "l", large, objstore.IfAbsent())
	require.ErrorIs(t, err, syscall.ENOSPC)
	var keys []string
	for info, err := range s.List(t.Context(), "", "") {
		require.NoError(t, err)
		keys = append(keys, info.Key)
	}
	require.Equal(t, []string{"k"}, keys)
	content, _, err := objstore.ReadAll(t.Context(), s, "k", 100)
	require.NoError(t, err)
	require.Equal(t, "before", string(content))
	_, err = s.Put(t.Context(), "k", objstore.Bytes(make([]byte, 3<<20)))
	require.NoError(t, err, "what the failed writes took was given back")
	require.NoError(t, s.Close())
	require.NoError(t, syscall.Unmount(dir, 0))
}

// TestFullDisk: a full disk is an error that says so, and nothing is half written. The child
// has a small file system of its own, in its own name space.
func TestFullDisk(t *testing.T) {
	c := child(t, "full", t.TempDir())
	c.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWNS | syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	var out bytes.Buffer
	c.Stdout = &out
	err := c.Start()
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EINVAL) {
		t.Skip("this machine gives no user name spaces:", err)
	}
	require.NoError(t, err)
	require.NoError(t, c.Wait(), "%s", &out)
}
