package local

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// holdEnv makes the test binary another process that holds what it names.
const holdEnv = "FSYNC_TEST_HOLD"

func TestMain(m *testing.M) {
	if what := os.Getenv(holdEnv); what != "" {
		hold(what)
	}
	os.Exit(m.Run())
}

// hold takes "append DIR PATH" or "lock DIR" and keeps it until its standard input ends.
func hold(what string) {
	f := strings.SplitN(what, "\n", 3)
	err := func() error {
		d, err := Open(f[1], false, nil)
		if err != nil {
			return err
		}
		if f[0] == "lock" {
			return d.Lock(LockFail)
		}
		file, err := d.Look(f[2])
		if err != nil {
			return err
		}
		_, err = file.Append(partial(100))
		return err
	}()
	fmt.Println("held:", err)
	io.Copy(io.Discard, os.Stdin)
	os.Exit(0)
}

// holder is the other process.
type holder struct {
	*exec.Cmd
	in io.Closer
}

func startHolder(t *testing.T, what ...string) *holder {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	h := &holder{Cmd: exec.Command(exe)}
	h.Env = append(os.Environ(), holdEnv+"="+strings.Join(what, "\n"))
	in, err := h.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	h.in = in
	out, err := h.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.in.Close(); h.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || line != "held: <nil>\n" {
		t.Fatalf("the other process says %q, %v", line, err)
	}
	return h
}

// kill ends the other process as a power switch would.
func (h *holder) kill() {
	h.Process.Kill()
	h.Wait()
}

func TestBusyFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := openDir(t, dir)
	name := filepath.Join(dir, "f")
	put(t, name, []byte("01234"))
	h := startHolder(t, "append", dir, "f")

	f := look(t, d, "f")
	if _, err := f.Append(partial(10)); !errors.Is(err, ErrBusy) {
		t.Errorf("Append: %v", err)
	}
	if _, err := f.NewStage(t.Context(), partial(10), 5); !errors.Is(err, ErrBusy) {
		t.Errorf("NewStage: %v", err)
	}
	if err := f.Adopt(Publication{Stamp: done(5), ModTime: then}); !errors.Is(err, ErrBusy) {
		t.Errorf("Adopt: %v", err)
	}
	wantFile(t, name, []byte("01234"))
	if f := look(t, d, "f"); f.Committed("") {
		t.Error("a busy file was marked")
	}

	h.kill() // its lock goes with it
	w := must(t)(look(t, d, "f").Append(partial(10)))
	closed(t, w)
}

func TestBusyStage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d, other := openDir(t, dir), openDir(t, dir)
	put(t, filepath.Join(dir, "f"), []byte("old"))
	w := must(t)(look(t, d, "f").NewStage(t.Context(), partial(10), 0))
	write(t, w, []byte("01234"))

	f := look(t, other, "f")
	if _, err := f.NewStage(t.Context(), partial(10), 0); !errors.Is(err, ErrBusy) {
		t.Errorf("a second copy: %v", err)
	}
	if _, err := f.Append(partial(10)); !errors.Is(err, ErrBusy) {
		t.Errorf("Append to what is going to be replaced: %v", err)
	}
	st, err := f.Stage()
	if err != nil {
		t.Fatal(err)
	}
	if err := st.Remove(); !errors.Is(err, ErrBusy) {
		t.Errorf("Remove of a copy that grows: %v", err)
	}
	if _, err := st.Restart(t.Context(), partial(10)); !errors.Is(err, ErrBusy) {
		t.Errorf("Restart of a copy that grows: %v", err)
	}
	st.Close()
	write(t, w, []byte("56789"))
	publish(t, w, Publication{Stamp: done(10)})
	wantFile(t, filepath.Join(dir, "f"), []byte("0123456789"))
}

// Between opening and locking, another run may have renamed its copy over the file.
func TestLockedWhatIsGone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d, other := openDir(t, dir), openDir(t, dir)
	put(t, filepath.Join(dir, "f"), []byte("old"))
	f := look(t, d, "f")
	w := must(t)(look(t, other, "f").NewStage(t.Context(), partial(3), 0))
	write(t, w, []byte("new"))
	publish(t, w, Publication{Stamp: done(3)})
	if _, err := f.NewStage(t.Context(), partial(10), 0); !errors.Is(err, ErrChanged) {
		t.Errorf("NewStage over another run's file: %v", err)
	}
	wantFile(t, filepath.Join(dir, "f"), []byte("new"))
}

func TestDirLock(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	h := startHolder(t, "lock", dir)
	d := openDir(t, dir)
	if err := d.Lock(LockFail); !errors.Is(err, ErrRunning) {
		t.Errorf("Lock: %v", err)
	}
	got := make(chan error, 1)
	go func() { got <- d.Lock(LockWait) }()
	select {
	case err := <-got:
		t.Errorf("the lock was had while another run holds it: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	h.kill()
	select {
	case err := <-got:
		if err != nil {
			t.Errorf("Lock: %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("the lock is not had after the other run was killed")
	}
	wantNames(t, dir) // no lock file
}
