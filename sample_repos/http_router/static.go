package waypoint

import (
	"errors"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"
)

// Folder serves files below root under a pattern that ends in "*path".
//
// Names go through fs.FS, which has no "..", no absolute paths and no way to follow a link out
// of os.DirFS on the systems where that is possible. Files and folders that begin with a dot do
// not exist as far as visitors are concerned.
func Folder(root fs.FS, maxAge time.Duration) http.HandlerFunc {
	files := http.FS(root)
	cacheControl := "no-cache"
	if maxAge > 0 {
		cacheControl = "public, max-age=" + strconv.Itoa(int(maxAge.Seconds()))
	}
	return func(w http.ResponseWriter, req *http.Request) {
		name := path.Clean(PathValue(req, "path"))
		if !fs.ValidPath(name) || hidden(name) {
			Fail(w, req, &Problem{Status: http.StatusNotFound})
			return
		}
		file, err := files.Open(name)
		if err != nil {
			status := http.StatusInternalServerError
			if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
				status = http.StatusNotFound
			}
			Fail(w, req, &Problem{Status: status})
			return
		}
		defer file.Close()
		info, err := file.Stat()
		if err != nil || info.IsDir() {
			Fail(w, req, &Problem{Status: http.StatusNotFound})
			return
		}
		w.Header().Set("Cache-Control", cacheControl)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		http.ServeContent(w, req, info.Name(), info.ModTime(), file)
	}
}

func hidden(name string) bool {
	for _, part := range strings.Split(name, "/") {
		if strings.HasPrefix(part, ".") && part != "." {
			return true
		}
	}
	return false
}
