package rest

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestABodyIsTakenOnlyInItsExactShape(t *testing.T) {
	tests := []struct {
		name        string
		contentType string
		body        string
		status      int // 0: taken
	}{
		{"the exact shape", "application/json", `{"name":"a","count":3}`, 0},
		{"an optional field left out", "application/json", `{"name":"a"}`, 0},
		{"an optional field that is null", "application/json", `{"name":"a","count":null}`, 0},
		{"a charset", "application/json; charset=utf-8", `{"name":"a"}`, 0},
		{"a +json type", "application/problem+json", `{"name":"a"}`, 0},
		{"no content type", "", `{"name":"a"}`, 415},
		{"a form", "application/x-www-form-urlencoded", `name=a`, 415},
		{"text", "text/json", `{"name":"a"}`, 415},
		{"nothing", "application/json", ``, 400},
		{"half an object", "application/json", `{"name":`, 400},
		{"something behind the object", "application/json", `{"name":"a"} x`, 400},
		{"two objects", "application/json", `{"name":"a"}{"name":"a"}`, 400},
		{"text that is not UTF-8", "application/json", "{\"name\":\"\xff\"}", 400},
		{"an array", "application/json", `["a"]`, 422},
		{"null", "application/json", `null`, 422},
		{"a required field left out", "application/json", `{}`, 422},
		{"a required field that is null", "application/json", `{"name":null}`, 422},
		{"a field of another type", "application/json", `{"name":7}`, 422},
		{"a fraction for a count", "application/json", `{"name":"a","count":1.5}`, 422},
		{"an unknown field", "application/json", `{"name":"a","x":1}`, 422},
		{"a field in another case", "application/json", `{"Name":"a"}`, 422},
		{"a field twice", "application/json", `{"name":"a","name":"b"}`, 422},
		{"more than two mebibytes", "application/json", `{"name":"` + strings.Repeat("a", maxBody) + `"}`, 413},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var name string
			count := -1
			r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(tt.body))
			r.Header.Set("Content-Type", tt.contentType)
			rejection := ReadJSON(httptest.NewRecorder(), r, Need("name", &name), May("count", &count))
			if rejection == nil {
				if tt.status != 0 {
					t.Fatalf("it was taken, want %d", tt.status)
				}
				if name != "a" {
					t.Errorf("name is %q", name)
				}
				return
			}
			if rejection.Status != tt.status {
				t.Fatalf("got %d %s, want %d", rejection.Status, rejection, tt.status)
			}
			answer := httptest.NewRecorder()
			rejection.Answer(answer)
			if answer.Code != tt.status || !strings.HasPrefix(answer.Header().Get("Content-Type"), "text/plain") || answer.Body.Len() == 0 {
				t.Errorf("answered %d %v", answer.Code, answer.Header())
			}
		})
	}
}

func FuzzParseObject(f *testing.F) {
	f.Add([]byte(`{"name":"a","count":3}`))
	f.Add([]byte(`{"name":"a","name":"b"}`))
	f.Add([]byte(`[[[[`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var name string
		var count int
		rejection := ParseObject(b, Need("name", &name), May("count", &count))
		if rejection != nil && rejection.Status != 400 && rejection.Status != 422 {
			t.Errorf("status %d", rejection.Status)
		}
	})
}
