package listing

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// glob is a pattern, its alternatives written out.
type glob []pattern

// match says whether the glob matches a file's path as such, and whether it matches a
// directory above it.
func (g glob) match(path []string) (above, whole bool) {
	for _, p := range g {
		a, w := p.match(path)
		if p.below {
			w = a
		}
		above, whole = above || a, whole || w
	}
	return above, whole
}

// covers says whether the glob matches a directory above the last element.
func (g glob) covers(path []string) bool {
	return slices.ContainsFunc(g, func(p pattern) bool {
		above, _ := p.match(path)
		return above
	})
}

// pattern is one alternative of a glob, from the top of the tree on.
type pattern struct {
	elems []globElem
	below bool // it names directories: what is below them matches
}

// globElem matches one element of a path, or any number of them.
type globElem struct {
	text    string
	any     bool // **
	literal bool // text is taken as it is
}

func (e globElem) match(name string) bool {
	return e.literal && e.text == name || !e.literal && doublestar.MatchUnvalidated(e.text, name)
}

// match says whether the pattern matches the whole path, and whether it matches a
// directory above it. It keeps the set of all places in the pattern where the path may
// be, so the time is bounded by the product of both numbers of elements.
func (p pattern) match(path []string) (above, whole bool) {
	end := len(p.elems)
	on, next := make([]bool, end+1), make([]bool, end+1)
	p.reach(on, 0)
	above = end == 0
	for i, name := range path {
		clear(next)
		for j, e := range p.elems {
			switch {
			case !on[j]:
			case e.any:
				p.reach(next, j)
				next[end] = next[end] || j+1 == end
			case e.match(name):
				p.reach(next, j+1)
			}
		}
		if last := i == len(path)-1; last {
			whole = next[end]
		} else {
			above = above || next[end]
		}
		on, next = next, on
	}
	return above, whole
}

// reach adds a place to a set, and what follows it where ** takes no element. At the end
// of a pattern ** takes at least one: what is below a directory is not the directory.
func (p pattern) reach(set []bool, j int) {
	set[j] = true
	if j+1 < len(p.elems) && p.elems[j].any {
		set[j+1] = true // ** never follows **
	}
}

// Bounds of a pattern: of its length in bytes, and of what its braces make of it.
const (
	maxGlob         = 4096
	maxAlternatives = 256
)

func parseGlob(text string) (glob, error) {
	g, err := parseAlternatives(text)
	if err != nil {
		return nil, fmt.Errorf("pattern %s: %w", show(text), err)
	}
	return g, nil
}

func parseAlternatives(text string) (glob, error) {
	switch {
	case text == "":
		return nil, errors.New("it is empty")
	case len(text) > maxGlob:
		return nil, fmt.Errorf("it is longer than %d bytes", maxGlob)
	case !doublestar.ValidatePattern(text):
		return nil, errors.New(`a [ or { is not closed, a } not opened, or a \ is its end`)
	}
	texts, err := expandBraces(text)
	if err != nil {
		return nil, err
	}
	var g glob
	for _, t := range texts {
		p, err := parsePattern(t)
		if err != nil {
			return nil, err
		}
		g = append(g, p)
	}
	return g, nil
}

func parsePattern(text string) (pattern, error) {
	rest, anchored := strings.CutPrefix(text, "/")
	elems := strings.Split(rest, "/")
	var p pattern
	switch last := elems[len(elems)-1]; {
	case last == "" && (rest != "" || anchored):
		p.below = true
	case (last == "**" || last == "***") && (anchored || len(elems) > 1):
		p.below = true
	}
	if p.below {
		elems = elems[:len(elems)-1]
	}
	if !anchored {
		p.elems = append(p.elems, globElem{any: true})
	}
	for _, elem := range elems {
		e, err := parseElem(elem)
		if err != nil {
			return pattern{}, err
		}
		if n := len(p.elems); !e.any || n == 0 || !p.elems[n-1].any {
			p.elems = append(p.elems, e)
		}
	}
	return p, nil
}

func parseElem(text string) (globElem, error) {
	switch {
	case text == "**":
		return globElem{any: true}, nil
	case text == "":
		return globElem{}, errors.New("an element of it is empty: write single slashes")
	case text == ".", text == "..":
		return globElem{}, errors.New("no path has . or .. in it: write /name for the top directory")
	case !doublestar.ValidatePattern(text):
		return globElem{}, errors.New(`a slash stands in [ ] or after a \`)
	case hasDoubleStar(text):
		return globElem{}, errors.New("** stands alone between slashes: write **/*.iso, not **.iso")
	}
	return globElem{text: text, literal: !strings.ContainsAny(text, `*?[\`)}, nil
}

// hasDoubleStar says whether two wildcards * stand side by side.
func hasDoubleStar(text string) bool {
	for i := 0; i < len(text); i = skipGlob(text, i) {
		if strings.HasPrefix(text[i:], "**") {
			return true
		}
	}
	return false
}

// skipGlob returns where a valid pattern goes on after what begins at i: an escaped
// character, a class or one byte.
func skipGlob(text string, i int) int {
	switch text[i] {
	case '\\':
		return min(i+2, len(text))
	case '[':
		for i++; i < len(text) && text[i] != ']'; i++ {
			if text[i] == '\\' {
				i++
			}
		}
	}
	return min(i+1, len(text))
}

// expandBraces writes out the alternatives of a valid pattern. They could be matched as
// they are, but then a few dozen braces would take for ever.
func expandBraces(text string) ([]string, error) {
	done, todo := []string(nil), []string{text}
	for len(todo) > 0 {
		t := todo[0]
		todo = todo[1:]
		head, choices, tail := cutBraces(t)
		if choices == nil {
			done = append(done, t)
			continue
		}
		if len(done)+len(todo)+len(choices) > maxAlternatives {
			return nil, fmt.Errorf("its braces make more than %d alternatives", maxAlternatives)
		}
		for _, c := range choices {
			todo = append(todo, head+c+tail)
		}
	}
	return done, nil
}

// cutBraces splits a pattern at its first braces. There are no choices if it has none.
func cutBraces(text string) (head string, choices []string, tail string) {
	open, start, depth := 0, 0, 0
	for i := 0; i < len(text); i = skipGlob(text, i) {
		switch c := text[i]; {
		case c == '{':
			if depth++; depth == 1 {
				open, start = i, i+1
			}
		case c == ',' && depth == 1:
			choices = append(choices, text[start:i])
			start = i + 1
		case c == '}':
			if depth--; depth == 0 {
				return text[:open], append(choices, text[start:i]), text[i+1:]
			}
		}
	}
	return text, nil, ""
}
