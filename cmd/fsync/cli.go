package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"fsync/listing"
	"fsync/sync/remote"
)

// Exit codes, as in the README. The worst of a run wins; it is never a count.
const (
	exitOK        = 0
	exitFailed    = 1  // some entries failed or are in conflict
	exitUsage     = 2  // usage or list: nothing was pulled
	exitLimit     = 3  // a limit was reached, work is left
	exitGuard     = 4  // a guard refused
	exitBusy      = 75 // EX_TEMPFAIL: another run holds the directory
	exitInterrupt = 130
	exitTerminate = 143
)

// cli is the grammar of the command line.
type cli struct {
	Pull    pullCmd    `cmd:"" help:"Pull every file that a list names, fetching only the bytes that are missing."`
	List    listCmd    `cmd:"" help:"Write a list: of a directory here or on a server, of an index page, or of another list."`
	Check   checkCmd   `cmd:"" help:"Compare the files here with a list, without asking any server for them."`
	Version versionCmd `cmd:"" help:"Print the version."`
}

// streams are what a command reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer

	// restrict keeps the process from writing elsewhere, nil: it is not to be kept from it.
	restrict func(places)
}

func (s *streams) confine(p places) {
	if s.restrict != nil {
		s.restrict(p)
	}
}

// exitError ends a run with a code, a message and perhaps a hint what to do about it.
type exitError struct {
	code int
	err  error
	hint string
}

func (e *exitError) Error() string { return fmt.Sprint(e.err) }
func (e *exitError) Unwrap() error { return e.err }

func usagef(format string, args ...any) *exitError {
	return &exitError{code: exitUsage, err: fmt.Errorf(format, args...)}
}

func (e *exitError) withHint(format string, args ...any) *exitError {
	e.hint = fmt.Sprintf(format, args...)
	return e
}

// run is the whole program; it returns the exit code.
func run(ctx context.Context, args []string, s *streams) int {
	var c cli
	exited := -1
	parser, err := kong.New(&c,
		kong.Name("fsync"),
		kong.Description("Makes every file that a list names exist here, whole and right, by fetching only the bytes that are missing. The local file's own size is the resume offset."),
		kong.DefaultEnvars("FSYNC"),
		kong.Writers(s.out, s.err),
		kong.Exit(func(code int) { exited = code }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)
	if err != nil {
		panic("main: internal error: " + err.Error())
	}
	kctx, err := parser.Parse(args)
	if exited >= 0 {
		return exited // --help
	}
	if err != nil {
		return fail(s.err, usagef("%s", withoutSecrets(err.Error())).withHint("fsync --help"))
	}
	kctx.BindTo(ctx, (*context.Context)(nil))
	return fail(s.err, kctx.Run(s))
}

// withoutSecrets cuts user information and queries out of the URLs in a message that
// quotes the command line, the user out of user@host:path, and what may be a password
// ahead of an @.
func withoutSecrets(text string) string {
	words := strings.Split(text, " ")
	for i, w := range words {
		bare := strings.Trim(w, `"',`)
		_, isSSH, _ := listing.SSHURL(bare, true)
		before, _, at := strings.Cut(bare, "@")
		hasPassword := at && strings.Contains(before, ":") // perhaps, as in user:password@host
		switch isURL := strings.Contains(w, "://"); {
		case isURL || isSSH:
			words[i] = "(a URL)"
			if u, _ := remoteURL(bare); u != nil {
				words[i] = remote.Redact(u)
			}
		case hasPassword:
			words[i] = "(a login)"
		}
	}
	return strings.Join(words, " ")
}

// fail prints an error, if there is one to print, and returns the exit code.
func fail(w io.Writer, err error) int {
	if err == nil {
		return exitOK
	}
	e, ok := errors.AsType[*exitError](err)
	if !ok {
		e = &exitError{code: exitFailed, err: err}
	}
	if e.err != nil {
		for line := range strings.SplitSeq(e.err.Error(), "\n") {
			fmt.Fprintf(w, "fsync: %s\n", escape(line))
		}
	}
	if e.hint != "" {
		fmt.Fprintf(w, "fsync: hint: %s\n", escape(e.hint))
	}
	return e.code
}

// stopCode returns the exit code of a run that was stopped.
func stopCode(cause error) int {
	if s, ok := errors.AsType[signalError](cause); ok && s.Signal == syscall.SIGTERM {
		return exitTerminate
	} else if ok {
		return exitInterrupt
	}
	return exitLimit
}

type versionCmd struct{}

func (versionCmd) Run(s *streams) error {
	_, err := fmt.Fprintln(s.out, "fsync", version())
	return err
}

// version returns the module's version or the revision that it was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return "devel"
}
