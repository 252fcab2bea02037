package dashboards

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Board is a dashboard file.
type Board struct {
	UID     string // and the file's name
	Content []byte
}

// All writes every dashboard.
func All() ([]Board, error) {
	var boards []Board
	for _, d := range []dashboard{overview(), slos(), media()} {
		// Expressions are full of < and >, which Grafana does not escape either.
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		if err := e.Encode(d); err != nil {
			return nil, fmt.Errorf("writing dashboard %s: %w", d.UID, err)
		}
		boards = append(boards, Board{UID: d.UID, Content: b.Bytes()})
	}
	return boards, nil
}

// row is a heading and the panels below it, from left to right.
type row struct {
	title  string
	repeat string // variable, of which every value has a row of its own
	closed bool   // until somebody opens it; what is in it is not asked for before
	panels []panel
}

// width is how many columns Grafana's grid has.
const width = 24

// board puts rows of panels onto the grid and numbers the panels.
func board(uid, title, description string, variables []variable, rows ...row) dashboard {
	d := dashboard{
		Annotations:   annotations{List: []struct{}{}},
		Description:   description,
		GraphTooltip:  1,
		Links:         []link{{Title: "Synthetic prober", Type: "dashboards", Tags: []string{tag}, AsDropdown: true, IncludeVars: true, KeepTime: true}},
		Refresh:       "10s",
		SchemaVersion: 39,
		Tags:          []string{tag},
		Templating:    templating{List: variables},
		Time:          timeRange{From: "now-1h", To: "now"},
		Timezone:      "browser",
		Title:         title,
		UID:           uid,
		Version:       1,
	}
	y, id := 0, 0
	place := func(to *[]panel, p panel, x int) {
		id++
		p.ID = id
		p.GridPos.X, p.GridPos.Y = x, y
		*to = append(*to, p)
	}
	for _, r := range rows {
		head := heading(r)
		place(&d.Panels, head, 0)
		inside := &d.Panels
		if r.closed {
			inside = head.Panels
		}
		y++
		x, height := 0, 0
		for _, p := range r.panels {
			if x+p.GridPos.W > width {
				x, y, height = 0, y+height, 0
			}
			place(inside, p, x)
			x, height = x+p.GridPos.W, max(height, p.GridPos.H)
		}
		y += height
	}
	return d
}

const tag = "synthetic-prober"

func heading(r row) panel {
	return panel{Type: "row", Title: r.title, Collapsed: &r.closed, Panels: &[]panel{}, Repeat: r.repeat, GridPos: grid{H: 1, W: width}}
}
