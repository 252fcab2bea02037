package frame

import "testing"

// A frame has room for one entry today; the grammar is written for more.
func TestTheGrammarOfExtensions(t *testing.T) {
	for name, c := range map[string]struct {
		region []byte
		valid  bool
	}{
		"none":                    {nil, true},
		"salience":                {[]byte{1, 1, 100}, true},
		"the same type twice":     {[]byte{1, 1, 5, 1, 1, 5}, false},
		"descending types":        {[]byte{1, 1, 5, 0, 1, 5}, false},
		"an unknown second type":  {[]byte{1, 1, 5, 2, 1, 5}, false},
		"slack after an entry":    {[]byte{1, 1, 5, 0}, false},
		"an entry without value":  {[]byte{1, 1}, false},
		"an entry without length": {[]byte{1}, false},
	} {
		if got := validExtensions(c.region); got != c.valid {
			t.Errorf("%s: valid is %v", name, got)
		}
	}
}
