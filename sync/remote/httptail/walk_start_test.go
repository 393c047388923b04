//go:build unix

package httptail

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// find returns a server's program. It may lie where only root looks.
func find(t *testing.T, name string) string {
	t.Helper()
	for _, path := range []string{name, "/usr/sbin/" + name} {
		if found, err := exec.LookPath(path); err == nil {
			return found
		}
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("CI has to have %s", name)
	}
	t.Skipf("%s is not installed: nothing is known about its index pages", name)
	return ""
}

// readable lets the user that a server becomes reach a temporary directory.
func readable(t *testing.T, dir string) {
	t.Helper()
	for ; strings.HasPrefix(dir, os.TempDir()+"/"); dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// freePorts returns ports that nobody listens on. Somebody else may take one before the
// server does; then the server is started once more.
func freePorts(t *testing.T, n int) (ports []any) {
	t.Helper()
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports
}

// run starts a server and waits until each of its ports answers. It ends with the test.
func run(t *testing.T, conf string, exact []int64, command func(ports []any) *exec.Cmd) map[string]int64 {
	t.Helper()
	for range 3 {
		ports := freePorts(t, len(exact))
		cmd := command(ports)
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Apache has children
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_ = cmd.Wait()
		}()
		t.Cleanup(func() {
			_ = cmd.Process.Signal(syscall.SIGTERM)
			select {
			case <-ended:
			case <-time.After(5 * time.Second):
			}
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // what is left of it
			<-ended
		})
		bases := make(map[string]int64)
		for i, port := range ports {
			if base := fmt.Sprintf("http://127.0.0.1:%d/", port); answers(base+"ready", ended) {
				bases[base] = exact[i]
			}
		}
		if len(bases) == len(exact) {
			return bases
		}
	}
	logged, _ := os.ReadFile(filepath.Join(conf, "error.log"))
	t.Fatalf("the server does not start: %s", logged)
	return nil
}

// config writes a configuration in which %[1]s is conf and %[2]s is dir, and the ports
// come next.
func config(t *testing.T, text, conf, dir string, ports []any) (file string) {
	t.Helper()
	file = filepath.Join(conf, "conf")
	if err := os.WriteFile(file, fmt.Appendf(nil, text, append([]any{conf, dir}, ports...)...), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// nginxHead begins a configuration: its first argument is where nginx keeps its own files,
// the second what it serves.
const nginxHead = `
daemon off;
master_process off;
pid %[1]s/pid;
error_log %[1]s/error.log;
events {}
http {
	access_log off;
	client_body_temp_path %[1]s/body;
	proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi;
	scgi_temp_path %[1]s/scgi;
	root %[2]s;
`

func startNginx(t *testing.T, conf, dir string) map[string]int64 {
	program := find(t, "nginx")
	return run(t, conf, []int64{anySize, 9999, anySize}, func(ports []any) *exec.Cmd {
		file := config(t, nginxHead+`
	autoindex on;
	server { listen 127.0.0.1:%[3]d; }
	server { listen 127.0.0.1:%[4]d; autoindex_exact_size off; autoindex_localtime on; }
	server { listen 127.0.0.1:%[5]d; autoindex_format json; }
}
`, conf, dir, ports)
		return exec.Command(program, "-p", conf, "-e", conf+"/error.log", "-c", file)
	})
}

func startApache(t *testing.T, conf, dir string) map[string]int64 {
	program := find(t, "apache2")
	user := ""
	if os.Getuid() == 0 {
		user = "User www-data\nGroup www-data\n"
	}
	return run(t, conf, []int64{noSize, 972, 972}, func(ports []any) *exec.Cmd {
		file := config(t, user+`
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule autoindex_module /usr/lib/apache2/modules/mod_autoindex.so
LoadModule dir_module /usr/lib/apache2/modules/mod_dir.so
ServerRoot %[1]s
ServerName 127.0.0.1
PidFile %[1]s/pid
ErrorLog %[1]s/error.log
Mutex file:%[1]s default
StartServers 1
ServerLimit 1
ThreadsPerChild 25
MaxRequestWorkers 25
DocumentRoot %[2]s
DefaultIcon /icons/unknown.gif
AddDescription "1234 and more" *a*
Listen 127.0.0.1:%[3]d
Listen 127.0.0.1:%[4]d
Listen 127.0.0.1:%[5]d
<Directory %[2]s>
	Options Indexes FollowSymLinks
	Require all granted
	<If "%%{SERVER_PORT} == %[3]d">
		IndexOptions None
	</If>
	<If "%%{SERVER_PORT} == %[4]d">
		IndexOptions FancyIndexing IconsAreLinks
	</If>
	<If "%%{SERVER_PORT} == %[5]d">
		IndexOptions FancyIndexing HTMLTable FoldersFirst
	</If>
</Directory>
`, conf, dir, ports)
		return exec.Command(program, "-f", file, "-D", "FOREGROUND")
	})
}

func startLighttpd(t *testing.T, conf, dir string) map[string]int64 {
	program := find(t, "lighttpd")
	return run(t, conf, []int64{noSize}, func(ports []any) *exec.Cmd {
		file := config(t, `
server.document-root = "%[2]s"
server.bind = "127.0.0.1"
server.port = %[3]d
server.pid-file = "%[1]s/pid"
server.errorlog = "%[1]s/error.log"
server.upload-dirs = ( "%[1]s" )
server.modules = ( "mod_dirlisting" )
dir-listing.activate = "enable"
dir-listing.hide-dotfiles = "disable"
index-file.names = ( "index.html" )
# By default it lists names that are no UTF-8, and does not serve them.
server.http-parseopts = ( "url-invalid-utf8-reject" => "disable" )
mimetype.assign = ( ".html" => "text/html", "" => "application/octet-stream" )
`, conf, dir, ports)
		return exec.Command(program, "-D", "-f", file)
	})
}

func startPython(t *testing.T, conf, dir string) map[string]int64 {
	program := find(t, "python3")
	return run(t, conf, []int64{noSize}, func(ports []any) *exec.Cmd {
		return exec.Command(program, "-m", "http.server", "--bind", "127.0.0.1", "--directory", dir, fmt.Sprint(ports[0]))
	})
}

func startCaddy(t *testing.T, conf, dir string) map[string]int64 {
	program := find(t, "caddy")
	return run(t, conf, []int64{anySize}, func(ports []any) *exec.Cmd {
		file := config(t, `{
	admin off
	auto_https off
}
http://127.0.0.1:%[3]d {
	root * %[2]s
	file_server browse
}
# %[1]s
`, conf, dir, ports)
		cmd := exec.Command(program, "run", "--config", file, "--adapter", "caddyfile")
		cmd.Env = append(os.Environ(), "HOME="+conf, "XDG_DATA_HOME="+conf, "XDG_CONFIG_HOME="+conf)
		return cmd
	})
}
