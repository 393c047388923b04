package sync

import "testing"

// FuzzMaxDelete reads the cap of --max-delete: a share is never more than all.
func FuzzMaxDelete(f *testing.F) {
	for _, s := range []string{"", "0", "10%", "100%", "100.0001%", "500", "9223372036854775807", "0.1%", ".%", "%", "-1", "1e2%", "1.5"} {
		f.Add(s, int64(1000))
	}
	f.Fuzz(func(t *testing.T, s string, present int64) {
		m, err := ParseMaxDelete(s)
		if err != nil {
			return
		}
		again, err := ParseMaxDelete(m.String())
		if err != nil || again != m {
			t.Fatalf("%q is %+v, written and read again %+v, %v", s, m, again, err)
		}
		if present < 0 || present > 1<<50 {
			return
		}
		if n := m.of(present); n < 0 || m.IsPercent && n > present {
			t.Fatalf("%q of %d is %d", s, present, n)
		}
	})
}
