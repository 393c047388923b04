package listing

import (
	"strings"
	"testing"
)

func TestBencode(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, rest string }{
		{"i42e", ""},
		{"i-1e\n", ""},
		{"0:", ""},
		{"3:a:b", ""},
		{"le", ""},
		{"de", ""},
		{"l1:ai1eded1:ale1:ble", "cut"},
		{"d1:ai1e1:bl1:ceee", "follow"},
		{"", "cut"},
		{"i", "cut"},
		{"i-", "cut"},
		{"i1", "cut"},
		{"ie", "damaged"},
		{"i-e", "damaged"},
		{"i+1e", "damaged"},
		{"i1.5e", "damaged"},
		{"1", "cut"},
		{"1:", "cut"},
		{"12:a", "cut"},
		{"1x", "damaged"},
		{"-1:a", "damaged"},
		{"18446744073709551617:a", "cut"},
		{"l", "cut"},
		{"d", "cut"},
		{"d1:a", "cut"},
		{"d1:ae", "damaged"},
		{"di1ei2ee", "damaged"},
		{"x", "damaged"},
		{"e", "damaged"},
		{strings.Repeat("l", 32) + strings.Repeat("e", 32), ""},
		{strings.Repeat("l", 33) + strings.Repeat("e", 33), "nested"},
		{strings.Repeat("d1:a", 1000000), "nested"},
	} {
		_, err := parseBencode(c.text)
		if c.rest == "" && err != nil || c.rest != "" && (err == nil || !strings.Contains(err.Error(), c.rest)) {
			t.Errorf("%.40q: error %v, want %q", c.text, err, c.rest)
		}
	}
}

func TestBencodeValues(t *testing.T) {
	t.Parallel()
	b, err := parseBencode("d1:ai-7e1:b3:x:y1:cl2:hhd1:qleeee")
	if err != nil {
		t.Fatal(err)
	}
	v, err := b.fields("c", "b", "a", "none")
	if err != nil {
		t.Fatal(err)
	}
	if n, ok := v[2].integer(); n != -7 || !ok {
		t.Errorf("a: %d, %v", n, ok)
	}
	if s, ok := v[1].str(); s != "x:y" || !ok {
		t.Errorf("b: %q, %v", s, ok)
	}
	var all []string
	for e := v[0].elements(); ; {
		one, ok := e.next()
		if !ok {
			break
		}
		all = append(all, string(one))
	}
	if got := strings.Join(all, " "); got != "2:hh d1:qlee" {
		t.Errorf("c: %s", got)
	}
	for _, other := range []bencoded{v[3], v[0], v[1]} {
		if _, ok := other.integer(); ok {
			t.Errorf("%q is an integer", other)
		}
	}
	for _, other := range []bencoded{v[3], v[0], v[2]} {
		if _, ok := other.str(); ok {
			t.Errorf("%q is a string", other)
		}
	}
	if e := v[1].elements(); e != "" || v[3].isList() {
		t.Error("a string has elements, or nothing is a list")
	}
}
