package main

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"

	"fsync/listing"
	"fsync/sync"
)

// A run that is stopped when all but the deletion is done has not done all.
func TestPruneStopped(t *testing.T) {
	t.Parallel()
	for cause, code := range map[error]int{
		signalError{syscall.SIGINT}: exitInterrupt, signalError{syscall.SIGTERM}: exitTerminate, errRuntime: exitLimit,
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(cause)
		var out bytes.Buffer
		s := &streams{out: &out, err: &out}
		c := new(pullCmd)
		err := c.prune(ctx, s, nil, nil, nil, newReport(c, s, listing.Totals{}))
		if e, ok := errors.AsType[*exitError](err); !ok || e.code != code {
			t.Errorf("%v: %v", cause, err)
		}
		if want := "nothing is deleted: " + cause.Error(); !strings.Contains(out.String(), want) {
			t.Errorf("%v: %q", cause, &out)
		}
	}
}

// Entries that nothing became of may be in the directory all the same.
func TestPruneUncounted(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	s := &streams{out: &out, err: &out}
	c := &pullCmd{Quiet: true}
	rep := newReport(c, s, listing.Totals{Entries: 2})
	rep.add(sync.Result{Entry: listing.Entry{Path: "a"}, Outcome: sync.UpToDate})
	if err := c.prune(t.Context(), s, nil, nil, nil, rep); err != nil || !strings.Contains(out.String(), "nothing is deleted") {
		t.Errorf("%v, %q", err, &out)
	}
}
