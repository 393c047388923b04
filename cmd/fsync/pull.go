package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"golang.org/x/time/rate"

	"fsync/sync"
	"fsync/sync/local"
)

type pullCmd struct {
	Lists []string `arg:"" name:"list" help:"The list: a file, - for standard input, an http(s) or sftp URL, or [user@]host:path. A directory (over the network with a / at its end) or an index page is the list of all files below it. Several lists are pulled as one."`

	Dir string `short:"d" placeholder:"DIR" help:"Where the files go (.)."`

	listFlags

	Jobs      int  `short:"j" default:"16" placeholder:"N" help:"Files pulled at a time (${default})."`
	Streams   int  `default:"0" placeholder:"N" help:"Connections for one large file over HTTP (default: more while that makes it faster, up to 8)."`
	DryRun    bool `short:"n" help:"Ask and judge, print each action and its bytes, change nothing."`
	Overwrite bool `help:"Replace files that are in conflict, too."`
	Backup    bool `help:"Keep a replaced file as NAME~."`
	Append    bool `help:"Files only grow at their end (logs): append if the overlap is equal."`
	Atomic    bool `help:"Let a fresh file, too, appear under its name only when it is whole."`
	SizeOnly  bool `help:"A file of the list's size is complete, whatever its time."`
	Checksum  bool `short:"c" help:"Trust neither marks nor times: prove every file by its digest, or byte by byte."`

	Last []string `sep:"none" placeholder:"GLOB" help:"Pull these when all others are complete, and only then: indexes behind what they name. Repeatable."`
	deleteFlags

	network
	limits

	Lock string `enum:"fail,wait,none" default:"fail" help:"When another run holds the directory: fail (exit 75), wait, or none to take no lock (${default})."`
	Sync string `enum:"run,file,none" default:"run" help:"When files are made durable: run (before they are reported, in groups), file (each by itself), none (${default})."`

	Json     bool   `help:"Print one JSON object an entry, and a last one for the run."`
	Quiet    bool   `short:"q" help:"Print errors only."`
	Verbose  bool   `short:"v" help:"Print a line for every entry."`
	Progress string `enum:"auto,never" default:"auto" help:"Show live progress on a terminal: auto or never (${default})."`
}

// Run pulls the list.
func (c *pullCmd) Run(ctx context.Context, s *streams) error {
	ctx, stop := c.limits.context(ctx)
	defer stop()
	if c.Jobs < 1 {
		return usagef("--jobs must be at least 1")
	}
	if c.Streams < 0 {
		return usagef("--streams must be at least 1, or 0 for as many as help")
	}
	src, err := newTransports(ctx, c.network, max(c.Jobs, c.Streams), newConsole(s, c.Quiet))
	if err != nil {
		return err
	}
	defer src.close()
	phases, err := c.phases()
	if err != nil {
		return err
	}
	if err := c.deleteFlags.check(c.Dir); err != nil {
		return err
	}
	c.Dir = cmp.Or(c.Dir, ".")
	ls, err := openLists(ctx, c.Lists, c.into(c.Dir), s, src)
	if err != nil {
		return err
	}
	defer ls.close()
	boundMemory(ls.totals.Entries)
	if err := src.bind(ls.totals, ls.remote()); err != nil {
		return err
	}
	dir, err := c.directory(s)
	if err != nil {
		return err
	}
	defer dir.Close()
	return c.pull(ctx, s, src, dir, ls, phases)
}

// phase says which entries are pulled together; nil means all.
type phase func(path string) bool

// phases returns them in their order: what --last names waits for the others.
func (c *pullCmd) phases() ([]phase, error) {
	if len(c.Last) == 0 {
		return []phase{nil}, nil
	}
	last, err := globs("--last", c.Last)
	if err != nil {
		return nil, err
	}
	return []phase{func(path string) bool { return !last.Match(path) }, last.Match}, nil
}

// directory opens and locks the destination.
func (c *pullCmd) directory(s *streams) (*local.Dir, error) {
	dir, err := local.Open(c.Dir, !c.DryRun, func(text string) { fmt.Fprintf(s.err, "fsync: warning: %s\n", text) })
	if c.DryRun && errors.Is(err, fs.ErrNotExist) {
		return emptyDir()
	}
	if err != nil {
		return nil, usagef("%w", err)
	}
	if c.Lock == "none" || c.DryRun {
		return dir, nil
	}
	mode := local.LockFail
	if c.Lock == "wait" {
		mode = local.LockWait
	}
	if err := dir.Lock(mode); err != nil {
		dir.Close()
		if errors.Is(err, local.ErrRunning) {
			return nil, (&exitError{code: exitBusy, err: fmt.Errorf("%s: %w", c.Dir, err)}).withHint("--lock wait waits for it")
		}
		return nil, usagef("%s: %w", c.Dir, err)
	}
	return dir, nil
}

// emptyDir stands for a destination that does not exist and is not to be made.
func emptyDir() (*local.Dir, error) {
	name, err := os.MkdirTemp("", "fsync-dry-run-")
	if err != nil {
		return nil, usagef("%w", err)
	}
	defer os.Remove(name)
	return local.Open(name, false, nil)
}

func (c *pullCmd) options() sync.Options {
	o := sync.Options{
		Jobs: c.Jobs, Streams: c.Streams, Retries: c.Retries,
		Overwrite: c.Overwrite, Backup: c.Backup, Append: c.Append, Atomic: c.Atomic,
		SizeOnly: c.SizeOnly, Checksum: c.Checksum, DryRun: c.DryRun,
	}
	switch c.Sync {
	case "file":
		o.Sync = sync.SyncFile
	case "none":
		o.Sync = sync.SyncNone
	}
	if c.Bwlimit > 0 {
		burst := min(max(int(c.Bwlimit)/4, 4<<10), 1<<20)
		o.Limiter = rate.NewLimiter(rate.Limit(c.Bwlimit), burst)
	}
	return o
}

// pull runs the engine, reports what becomes of each entry, and deletes what no list names.
func (c *pullCmd) pull(ctx context.Context, s *streams, src *transports, dir *local.Dir, ls *lists, phases []phase) error {
	trash, err := c.openTrash(dir)
	if err != nil {
		return err
	}
	if trash != nil {
		defer trash.Close()
	}
	c.confineTo(s)
	p := &sync.Puller{Dir: dir, Sources: src.sources(), Options: c.options()}
	rep := newReport(c, s, ls.totals)
	rep.ontoItself = ls.liesIn(c.Dir)
	for _, l := range ls.all {
		if text := l.walked.warning(); text != "" {
			src.console.warn(text)
		}
		rep.walked(&l.walked)
	}
	prog := startProgress(c, s, p.Stats(), ls.totals)
	src.console.progress.Store(prog)
	for i, phase := range phases {
		if i > 0 && !rep.complete(ctx) {
			rep.held = true
			break
		}
		for r := range p.Pull(ctx, ls.entries(phase)) {
			prog.above(func() { rep.add(r) })
		}
	}
	src.console.progress.Store(nil)
	prog.stop()
	var refused error
	if c.Delete {
		refused = c.prune(ctx, s, dir, trash, ls, rep)
	}
	rep.end(context.Cause(ctx))
	if err := rep.exit(context.Cause(ctx)); err != nil {
		return err
	}
	return refused
}

// limits end a run, or slow it down.
type limits struct {
	Retries    int           `default:"5" placeholder:"N" help:"Attempts for a file after one that brought nothing (${default}); progress renews them."`
	Bwlimit    rateFlag      `placeholder:"RATE" help:"Bytes a second over all files: 500K, 20MiB …"`
	MaxRuntime time.Duration `placeholder:"DUR" help:"Stop after this time, cleanly: exit 3, prefixes kept."`
}

var errRuntime = errors.New("the time given by --max-runtime is over")

func (l limits) context(ctx context.Context) (context.Context, context.CancelFunc) {
	if l.MaxRuntime <= 0 {
		return ctx, func() {}
	}
	return context.WithTimeoutCause(ctx, l.MaxRuntime, errRuntime)
}
