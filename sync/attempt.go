package sync

import (
	"context"
	"errors"
	"strings"

	"fsync/sync/local"
	"fsync/sync/remote"
)

// attempt takes one entry from the look at the file to its end, with one mirror. Most
// need one request; an answer that settles nothing is followed by another one.
func (j *job) attempt(ctx context.Context, m *mirror, c *committer) error {
	f, err := j.Dir.Look(j.Path)
	if err != nil {
		return here(err)
	}
	defer f.Close()
	if f.Irregular != "" {
		return conflictf("%s is where the file should be", f.Irregular)
	}
	if !j.looked {
		j.looked, j.Offset = true, f.Size
	}
	j.Result.Size = f.Size
	for range 6 { // more turns than any sequence of answers can need
		again, err := j.ask(ctx, m, f, c)
		if !again {
			return err
		}
	}
	return remote.Errorf(remote.Final, "the server's answers contradict each other")
}

// question is one request and the file that it is about.
type question struct {
	step
	mirror   *mirror
	file     *local.File // the local file or its staged copy
	local    *local.File // the local file
	unless   *remote.Version
	suspect  int64
	knownBad bool // unless is the version whose digest was wrong
}

// replaces says that the request is about a copy of another version than the local file,
// and not about the beginning of a file that is to appear when it is whole.
func (q question) replaces() bool { return q.file.IsStage() && q.local.Exists && q.local.Size > 0 }

// ask makes one request and acts on its answer. again means that another one is needed.
func (j *job) ask(ctx context.Context, m *mirror, f *local.File, c *committer) (again bool, err error) {
	if j.patching {
		return false, j.patch(ctx, m, f, c)
	}
	q, err := j.question(m, f)
	if err != nil {
		return false, here(err)
	}
	if q.file != f {
		defer q.file.Close()
	}
	if err := j.sideFile(&q); err != nil {
		return false, err
	}
	if q.step == askWhole && q.file == f && f.Size > 0 && j.canPatch() {
		j.patching = true // its pieces tell more than a comparison
	}
	switch {
	case q.step == skip:
		return false, j.kept(f)
	case q.step == hashHere:
		return j.hashHere(ctx, f, c)
	case j.full.Load():
		return false, here(ErrFull)
	case j.patching:
		return true, nil
	}
	giveBack, err := j.takeRoom(ctx)
	if err != nil {
		return false, err
	}
	defer giveBack()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	tail, err := j.open(ctx, m, q)
	if remote.KindOf(err) == remote.BadRange && err != nil && !m.noRange {
		m.noRange = true
		return true, nil
	}
	if err != nil {
		return false, err
	}
	defer tail.Body.Close()
	s := newStream(ctx, stop, j, tail)
	defer s.release()
	return j.act(ctx, q, s, c)
}

// question chooses what to ask, and about which file: a staged copy that an earlier
// attempt began goes before the file itself.
func (j *job) question(m *mirror, f *local.File) (question, error) {
	q := question{mirror: m, file: f, local: f, step: decide(f.State, f.Committed(j.boot), j.want, j.Options)}
	if q.step == skip || q.step == hashHere {
		return q, nil
	}
	if j.staging && j.ignoreStage {
		q.step = askWhole
		return q, nil
	}
	st, err := f.Stage()
	if err != nil {
		return q, err
	}
	switch {
	case j.knownBad(st):
		q.step, q.unless, q.knownBad = askIf, condition(st.Stamp), true
		st.Close()
		return q, nil
	case !j.staging && !j.ignoreStage && j.canPatch() && st.Size > 0 && (f.Size > 0 || !j.resumable(st)):
		j.patching = true // each of its pieces proves itself, whichever version it was begun from
		st.Close()
		return q, nil
	case j.resumable(st):
		q.file, q.step = st, askRange
		if !j.wrote && f.Size == 0 {
			j.Offset = st.Size // all that is here of a file that is to appear when it is whole
		}
	default:
		if !j.staging {
			j.dropStage(st)
		}
		st.Close()
		if j.staging {
			q.step = askWhole
		}
	}
	return j.refine(q)
}

// refine fills in what the chosen step needs to know.
func (j *job) refine(q question) (question, error) {
	if q.step == askIf && j.askPlain {
		q.step = askRange
	}
	if j.prove && q.step != askIf {
		q.step = askWhole
	}
	if q.step == askIf || q.step == askRange && j.Append && q.file.Committed(j.boot) {
		q.unless = condition(q.file.Stamp)
	}
	q.suspect = q.file.Size
	if q.file.Committed(j.boot) || q.file.InThisBoot() {
		return q, nil
	}
	var err error
	q.suspect, err = q.file.Suspect()
	if j.doubt != nil {
		q.suspect = min(q.suspect, j.doubt.from)
	}
	return q, err
}

// dropStage deletes a staged copy that nothing can continue.
func (j *job) dropStage(st *local.File) {
	if !j.DryRun {
		_ = st.Remove() // if another run holds it, it is that one's
	}
}

// knownBad says that the staged copy is one whose digest was wrong, of a version that can
// be asked for, and that the list still gives that digest. Overwrite asks for it all the same.
func (j *job) knownBad(st *local.File) bool {
	return !j.Overwrite && len(j.Digests) > 0 && st.Stamp != nil && st.Stamp.State == local.Bad && !j.anew && !j.askPlain &&
		remembers(st.Stamp, j.Digests) && condition(st.Stamp) != nil
}

// resumable says that the staged copy can be continued: its version can be told, and if
// its prefix was taken on trust, there is a digest to settle that.
func (j *job) resumable(st *local.File) bool {
	s := st.Stamp
	if s == nil || st.Size == 0 || st.Links > 1 || j.ignoreStage || j.anew {
		return false
	}
	whole := s.State == local.Partial || s.State == local.Done // done, and killed before the rename
	return (whole || s.State == local.Trial && j.provable()) && condition(s) != nil
}

// open sends the request.
func (j *job) open(ctx context.Context, m *mirror, q question) (*remote.Tail, error) {
	if err := j.pace.wait(ctx, m.url.Host); err != nil {
		return nil, err
	}
	req := remote.Request{URL: m.url, Unless: q.unless, Streams: j.Streams, Proven: j.provable()}
	if j.Limiter != nil && req.Streams == 0 {
		req.Streams = 1 // the limit is what makes it slow
	}
	if q.step == askRange && !m.noRange {
		req.Offset = rangeStart(q.file.Size, q.suspect)
	}
	req.Expect = max(j.want.Size-req.Offset, 0)
	j.Requests++
	return m.source.Open(ctx, req)
}

// act rules on an answer and carries the ruling out.
func (j *job) act(ctx context.Context, q question, s *stream, c *committer) (again bool, err error) {
	t := s.tail
	if j.doubtTorn(t) {
		return true, nil
	}
	if q.knownBad && t.NotModified && t.Place != q.unless.Place {
		j.askPlain = true // another mirror's validators say nothing of its bytes
		return true, nil
	}
	if q.knownBad && t.NotModified {
		return false, errBadBefore
	}
	if q.knownBad && !j.staging {
		if st, err := q.file.Stage(); err == nil { // another version: its bad copy is of no use
			j.dropStage(st)
			st.Close()
		}
	}
	l := j.factsOf(q.file, t)
	if l.stage || j.staging {
		if again, err := j.stillReplaceable(q, t); again || err != nil {
			return again, err
		}
	}
	if j.staging && !l.stage { // the file itself is settled: its copy begins at byte 0
		l = facts{stage: true}
	}
	j.outdated(t)
	r := judge(l, j.want, q.step, t, j.Options)
	if (r.verdict == replace || r.verdict == extendTrial) && !l.stage && j.canPatch() {
		j.patching = true // what is right here need not be fetched again
		return true, nil
	}
	if r.verdict == replace && j.disagrees(q.mirror, q.file.Stamp, t) {
		return false, errDisagrees
	}
	switch r.verdict {
	case giveUp, refuse:
		return false, r.err
	case upToDate:
		return false, j.complete(ctx, q, t, NoEvidence, c)
	case askAgain:
		j.askPlain = true
		return true, nil
	case proveAll:
		j.prove = true
		return true, nil
	case create:
		return false, j.create(ctx, q, s, c)
	case replace:
		if t.Start == 0 && !l.stage {
			return false, j.stage(ctx, q.file, s, 0, local.Partial, Replaced, c)
		}
		return j.stageAnew(q)
	}
	return j.extend(ctx, q, l, r, s, c)
}

// outdated takes the size and time that an answer gives in place of the list's, where those
// are of the past: a directory showed them before the file changed, or the file only grows
// and has grown since the list was made.
func (j *job) outdated(t *remote.Tail) {
	grown := j.Append && t.Size > j.want.Size
	if t.NotModified || j.want.Size < 0 || t.Size < 0 || t.Size == j.want.Size || len(j.Digests) > 0 || j.Pieces != nil || !j.Seen && !grown {
		return
	}
	j.want.Size, j.want.ModTime = t.Size, t.ModTime
}

// sideFile refuses a file that another program is, or was, at work on: its size is that of
// the whole, or of the last byte that came, and tells nothing of those before. Overwrite
// takes of it what is right from byte 0 on.
func (j *job) sideFile(q *question) error {
	f := q.local
	if f.Size == 0 || f.Committed(j.boot) || q.step == skip && f.HasTime(j.ModTime) || j.prove {
		return nil
	}
	name := f.SideFile()
	if name == "" {
		return nil
	}
	if !j.Overwrite {
		return conflictf("%s lies beside it: another program's download is not finished, so its size does not tell what is here. Let that program finish it, or delete %[1]s if the file is whole", name)
	}
	if q.step != hashHere {
		j.prove = true
		q.step = askWhole
	}
	return nil
}

// factsOf returns what judge needs to know of a file. Whether it is an HTML page is looked
// at only where the answer is one.
func (j *job) factsOf(f *local.File, t *remote.Tail) facts {
	return facts{
		State: f.State, stage: f.IsStage(), committed: f.Committed(j.boot),
		html: strings.HasPrefix(t.MediaType, "text/html") && looksHTML(f),
	}
}

// stillReplaceable asks of every answer that would go to a staged copy what was asked when
// it was begun, perhaps by an earlier run: may the local file, as it is now, be swapped for
// it? If not, the copy is dropped and the file itself asked about.
func (j *job) stillReplaceable(q question, t *remote.Tail) (again bool, err error) {
	l := j.factsOf(q.local, t)
	if loginPage(l, t) {
		return false, errLoginPage
	}
	if l.Size == 0 || mayReplace(l, j.want, t.Version, j.Options) {
		return false, nil
	}
	if q.file.IsStage() {
		j.dropStage(q.file)
	}
	j.staging, j.ignoreStage = false, true
	return true, nil
}

// stageAnew goes on with a request for the staged copy: the one that is there, or if that
// is the one which is of another version, a new one.
func (j *job) stageAnew(q question) (bool, error) {
	if q.file.IsStage() {
		j.ignoreStage = true
		j.dropStage(q.file)
		j.Offset = q.local.Size
	} else {
		j.staging = true
	}
	j.Verified, j.Note = NoEvidence, ""
	return true, nil
}

// looksHTML tells an HTML page by its beginning.
func looksHTML(f *local.File) bool {
	buf := make([]byte, 1024)
	n, _ := f.ReadAt(buf, 0)
	text := strings.ToLower(string(buf[:n]))
	return strings.Contains(text, "<html") || strings.Contains(text, "<!doctype html")
}

// kept reports an entry that needs no request.
func (j *job) kept(f *local.File) error {
	j.keep(f.Size)
	j.stats.Have.Add(f.Size)
	return nil
}

// hashHere computes the list's digests of the local file: equal, it is complete without a
// request; else it is damaged or another version.
func (j *job) hashHere(ctx context.Context, f *local.File, c *committer) (again bool, err error) {
	var pieces *pieceCheck
	if j.Pieces != nil {
		pieces = newPieceCheck(j.Pieces, f.Size, f.Size)
	}
	bad, err := check(ctx, f, f.Size, j.Digests, pieces)
	if err != nil {
		return false, here(err)
	}
	if bad != nil {
		j.damaged = true
		j.patching = j.canPatch() && errors.Is(bad, errPiece)
		return true, nil
	}
	if j.provable() {
		j.Verified = DigestEvidence
	}
	return false, j.adopt(f, doneStamp(f), c)
}

// doneStamp returns the stamp of a file that was found to be complete.
func doneStamp(f *local.File) local.Stamp {
	if f.Stamp == nil {
		return local.Stamp{State: local.Done, Total: f.Size}
	}
	s := *f.Stamp
	s.State, s.Boot = local.Done, ""
	if s.Total != f.Size { // of another version than it was begun from
		s = local.Stamp{State: local.Done, Total: f.Size}
	}
	return s
}

var errEnded = errors.New("the body ended early")

func shortBody(have, total int64) error {
	return remote.Errorf(remote.Temporary, "%w: %d of %d bytes", errEnded, have, total)
}
