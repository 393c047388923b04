package sync

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync/atomic"
	"time"

	"fsync/listing"
	"fsync/sync/local"
	"fsync/sync/remote"
)

// job is one entry under way, in one goroutine.
type job struct {
	*Puller
	want
	Result
	began   time.Time
	active  *Active
	pending *pending // set with errPending

	mirrors []*mirror
	turn    int // index of the mirror to ask

	// What earlier answers of this run have settled:
	staging     bool  // what is here is another version: the copy beside it is what grows
	ignoreStage bool  // the copy beside it is of another version, too
	prove       bool  // only a comparison from byte 0 can tell
	askPlain    bool  // a condition was answered by another place: ask without one
	anew        bool  // the digest was wrong: fetch all of it once more, into the copy
	anyVersion  bool  // mirrors disagree, and the one that the file was begun from is gone
	secondCopy  bool  // that was asked for already
	looked      bool  // Result.Offset is set
	patching    bool  // by its pieces: fetch those that are wrong or missing, and no others
	begun       int   // staged copies, in this run
	torn        *tear // what --append has kept of a remote that changed, to be looked at
	doubt       *tear // what is to be compared of it
	wrote       bool  // bytes were put into the file or its copy
	grown       int64 // how many bytes stayed there
}

// mirror is one URL of an entry.
type mirror struct {
	url     *url.URL
	source  Source
	noRange bool  // it mishandles ranges: ask for the whole file
	again   bool  // it had its second chance after a redirect
	wrong   int   // pieces that it gave wrong since it brought something
	dead    error // why it is not asked any more
	// disagrees says that it has another version than the file here was begun from. It is
	// asked again only when no other mirror is left.
	disagrees bool
}

// errPending says that the committer has taken the job over and will report it.
var errPending = errors.New("waits for its commit")

// localError marks an error of this machine: no remote can help.
type localError struct{ error }

func (e localError) Unwrap() error { return e.error }

func here(err error) error {
	if err == nil {
		return nil
	}
	return localError{err}
}

// fullDisk remembers that there is no space left, so that no more entries are begun.
type fullDisk struct{ atomic.Bool }

// pullOne works on one entry until it has a Result, or waits for its commit.
func (p *Puller) pullOne(ctx context.Context, e listing.Entry, c *committer) {
	j := &job{Puller: p, want: want{Entry: e}, began: time.Now()}
	j.Result.Entry, j.Result.Size = e, -1
	err := j.run(ctx, c)
	if j.active != nil {
		p.stats.leave(j.active)
	}
	if err == errPending {
		c.queue <- j.pending
		return
	}
	c.report(j.end(ctx, err))
}

// end turns the error that ended a job into its Result.
func (j *job) end(ctx context.Context, err error) Result {
	r := &j.Result
	r.Elapsed = time.Since(j.began)
	switch {
	case err == nil:
		r.Outcome = j.overall(r.Outcome)
	case ctx.Err() != nil:
		r.Outcome, r.Err = Stopped, context.Cause(ctx)
	case errors.Is(err, ErrConflict):
		r.Outcome, r.Err = Conflict, err
	default:
		r.Outcome, r.Err = Failed, err
	}
	if err != nil {
		r.Verified, r.Note = NoEvidence, ""
	}
	return *r
}

// overall is the outcome of all attempts together: what the last one resumed or found
// complete may be what an earlier one fetched.
func (j *job) overall(last Outcome) Outcome {
	switch {
	case (last == UpToDate || last == Resumed) && j.wrote && j.Offset == 0:
		return Fetched
	case last == UpToDate && j.wrote:
		return Resumed
	}
	return last
}

// run makes attempts until one ends the job. Trying again begins with a new look at the
// file, so what an attempt appended is the next one's prefix.
func (j *job) run(ctx context.Context, c *committer) error {
	if err := j.resolve(); err != nil {
		return err
	}
	var b budget
	for {
		m := j.mirrors[j.turn]
		before := j.grown
		err := j.attempt(ctx, m, c)
		if err == nil || err == errPending || ctx.Err() != nil {
			return err
		}
		if errors.Is(err, ErrConflict) && err != errLoginPage { // another mirror may have the file
			return err
		}
		if err == errMore {
			continue
		}
		if le, ok := errors.AsType[localError](err); ok {
			if errors.Is(le, local.ErrChanged) && b.surprise() {
				continue
			}
			if local.IsFull(le) {
				j.full.Store(true)
			}
			return le.error
		}
		progress := j.grown >= before+leastProgress
		if err := j.nextMirror(ctx, m, err, &b, progress); err != nil {
			return err
		}
	}
}

// resolve parses the entry's URLs, whose schemes the list's check has seen already.
func (j *job) resolve() error {
	for _, raw := range j.URLs {
		u, err := url.Parse(raw)
		if err != nil {
			return errors.New("not a URL")
		}
		src := j.Sources[u.Scheme]
		if src == nil {
			return fmt.Errorf("no transport for %s: URLs", u.Scheme)
		}
		j.mirrors = append(j.mirrors, &mirror{url: u, source: src})
	}
	if len(j.mirrors) == 0 {
		return errors.New("no URL")
	}
	return nil
}

// nextMirror decides after a failed attempt who is asked next, and waits if everybody was.
// It returns an error when there is nobody left or no attempt.
func (j *job) nextMirror(ctx context.Context, m *mirror, err error, b *budget, progress bool) error {
	re, _ := errors.AsType[*remote.Error](err)
	temporary := re != nil && re.Kind == remote.Temporary
	_, onceMore := errors.AsType[errOnceMore](err)
	switch {
	case onceMore:
		// The same mirror may serve it right the second time, if there is no other.
	case temporary:
		if progress {
			b.renew()
		}
		if !b.spend(j.Retries) {
			m.dead = err
			break
		}
		if re.After > longestWait {
			m.dead = fmt.Errorf("%w; the server asks to come back in %v", err, re.After.Round(time.Second))
			break
		}
		if re.After > 0 {
			j.pace.hold(m.url.Host, re.After)
		}
	case re != nil && re.Redirected && !m.again:
		m.again = true // what it redirects to may have expired: once more from the start
		return nil
	case errors.Is(err, errPiece):
		if progress {
			m.wrong = 0
		}
		if m.wrong++; m.wrong > 1 {
			m.dead = err
		}
	case err == errDisagrees:
		m.disagrees = true
	default:
		m.dead = err
	}
	for i := 1; i <= len(j.mirrors); i++ {
		k := (j.turn + i) % len(j.mirrors)
		if o := j.mirrors[k]; o.dead == nil && !o.disagrees {
			round := k <= j.turn
			j.turn = k
			if temporary && round {
				return b.wait(ctx)
			}
			return nil
		}
	}
	for k, o := range j.mirrors {
		if o.dead == nil { // only other versions are left: then that is what the file becomes
			j.turn, o.disagrees, j.anyVersion = k, false, true
			return nil
		}
	}
	return j.mirrorErrors()
}

// disagrees says whether an answer is to be passed over because the mirror that the local
// file was begun from, and agrees with it, may still be asked.
func (j *job) disagrees(m *mirror, s *local.Stamp, t *remote.Tail) bool {
	if s == nil || j.anyVersion || s.Place == t.Place {
		return false
	}
	for _, o := range j.mirrors {
		if o != m && o.dead == nil && !o.disagrees && remote.PlaceOf(o.url) == s.Place {
			return true
		}
	}
	return false
}

// mirrorErrors returns why no mirror could serve the entry.
func (j *job) mirrorErrors() error {
	if len(j.mirrors) == 1 {
		return j.mirrors[0].dead
	}
	var errs []error
	for _, m := range j.mirrors {
		errs = append(errs, fmt.Errorf("%s: %w", remote.Redact(m.url), m.dead))
	}
	return mirrorError{errs}
}

// mirrorError holds one error a mirror, shown on one line.
type mirrorError struct{ errs []error }

func (e mirrorError) Unwrap() []error { return e.errs }

func (e mirrorError) Error() string {
	text := "no mirror could serve it"
	for _, err := range e.errs {
		text += "; " + err.Error()
	}
	return text
}
