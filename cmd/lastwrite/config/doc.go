// Package config is how lastwrite is told what to do: one list of settings, and three places where each can be given.
//
// # Words
//
//   - Setting: one thing that can be set. Its key in the file, its flag, its environment variable, its default and
//     its help stand in one row of [Config.Settings]; the reference page and the example file are tested against that list.
//   - Group: settings that belong to the same commands.
//   - Secret: a setting that is read from the environment or from a file of its own, never from flags or the configuration file.
//
// # Order
//
// A flag wins over the environment, the environment over the file, the file over the default. [Load] applies them from
// the weakest to the strongest, each value checked where it is read, so that an error can name the place. [Config.Validate]
// then looks at what belongs together.
//
// # Strictness
//
// A key that is not known is an error with its line and the nearest key that is. A duration or a size without a unit is an
// error: nobody can tell whether 30 means seconds. A password in the file is an error that says where it belongs.
package config
