package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

const (
	startDeadline = 90 * time.Second
	pollEvery     = 50 * time.Millisecond
	// Users of the token file. `nobody` has no rights but those a test gives it.
	adminToken  = "testbed-admin"
	nobodyToken = "testbed-nobody"
)

// run starts everything on free loopback ports, writes the kubeconfig, says
// that it is ready, and stays until it is told to end.
func run(args []string) error {
	flags := flag.NewFlagSet("run", flag.ExitOnError)
	out := flags.String("kubeconfig-out", "", "where to write the kubeconfig")
	keep := flags.Bool("stay", false, "stay when stdin closes (until a signal, or the parent dies)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *out == "" {
		return errors.New("--kubeconfig-out is needed")
	}
	dir, err := os.MkdirTemp("", "testbed-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)

	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	go endWithParent(cancel)
	if !*keep {
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			cancel()
		}()
	}
	plane := &plane{dir: dir, failed: make(chan error, 2)}
	defer plane.stop()
	if err := plane.start(ctx, *out); err != nil {
		return fmt.Errorf("%w\n%s", err, plane.logs())
	}
	fmt.Println("ready", *out)
	select {
	case <-ctx.Done():
		return nil
	case err := <-plane.failed:
		return fmt.Errorf("%w\n%s", err, plane.logs())
	}
}

// endWithParent cancels when the process was given to another parent.
func endWithParent(cancel func()) {
	parent := os.Getppid()
	for os.Getppid() == parent {
		time.Sleep(500 * time.Millisecond)
	}
	cancel()
}

// plane is a running control plane.
type plane struct {
	dir    string
	etcd   *embed.Etcd
	inputs []io.Closer
	failed chan error
}

func (p *plane) path(name string) string { return filepath.Join(p.dir, name) }

func (p *plane) start(ctx context.Context, out string) error {
	ctx, cancel := context.WithTimeout(ctx, startDeadline)
	defer cancel()
	ports, err := freePorts(3)
	if err != nil {
		return err
	}
	if err := p.writeSecrets(); err != nil {
		return err
	}
	if err := p.startEtcd(ports[0], ports[1]); err != nil {
		return fmt.Errorf("etcd: %w", err)
	}
	if err := p.startAPIServer(ports[0], ports[2]); err != nil {
		return err
	}
	server := "https://127.0.0.1:" + strconv.Itoa(ports[2])
	if err := p.writeKubeconfig(ctx, server); err != nil {
		return err
	}
	client, err := unlimitedClient(p.path("kubeconfig"))
	if err != nil {
		return err
	}
	if err := p.until(ctx, "the API server is ready", func() bool {
		return client.RESTClient().Get().AbsPath("/readyz").Do(ctx).Error() == nil
	}); err != nil {
		return err
	}
	if err := p.startControllerManager(); err != nil {
		return err
	}
	if err := startKubelet(context.WithoutCancel(ctx), client, p.path("certs")); err != nil {
		return fmt.Errorf("kubelet: %w", err)
	}
	if err := p.until(ctx, "the default service account is there", func() bool {
		_, err := client.CoreV1().ServiceAccounts("default").Get(ctx, "default", metav1.GetOptions{})
		return err == nil || (!apierrors.IsNotFound(err) && ctx.Err() != nil)
	}); err != nil {
		return err
	}
	return publish(p.path("kubeconfig"), out)
}

// until polls: both ends are ours, on loopback, and ready in seconds.
func (p *plane) until(ctx context.Context, what string, done func() bool) error {
	for !done() {
		select {
		case err := <-p.failed:
			return err
		case <-ctx.Done():
			return fmt.Errorf("waiting until %s: %w", what, ctx.Err())
		case <-time.After(pollEvery):
		}
	}
	return nil
}

// writeSecrets makes the users' tokens and the key that signs those of service accounts.
func (p *plane) writeSecrets() error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	block := &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}
	if err := os.WriteFile(p.path("sa.key"), pem.EncodeToMemory(block), 0o600); err != nil {
		return err
	}
	users := adminToken + ",admin,admin,\"system:masters\"\n" + nobodyToken + ",nobody,nobody\n"
	return os.WriteFile(p.path("users.csv"), []byte(users), 0o600)
}

// startEtcd runs etcd in this process. Nothing must survive, so nothing is synced.
func (p *plane) startEtcd(client, peer int) error {
	config := embed.NewConfig()
	config.Dir = p.path("etcd")
	config.Logger = "zap"
	config.LogLevel = "error"
	config.LogOutputs = []string{p.path("etcd.log")}
	config.UnsafeNoFsync = true
	clientURL, peerURL := loopback(client), loopback(peer)
	config.ListenClientUrls, config.AdvertiseClientUrls = clientURL, clientURL
	config.ListenPeerUrls, config.AdvertisePeerUrls = peerURL, peerURL
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	etcd, err := embed.StartEtcd(config)
	if err != nil {
		return err
	}
	p.etcd = etcd
	select {
	case <-etcd.Server.ReadyNotify():
		return nil
	case <-time.After(startDeadline):
		return errors.New("it did not become ready")
	}
}

func loopback(port int) []url.URL {
	return []url.URL{{Scheme: "http", Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(port))}}
}

func (p *plane) startAPIServer(etcd, port int) error {
	return p.child("kube-apiserver",
		"--etcd-servers=http://127.0.0.1:"+strconv.Itoa(etcd),
		"--bind-address=127.0.0.1",
		"--advertise-address=127.0.0.1",
		"--secure-port="+strconv.Itoa(port),
		"--cert-dir="+p.path("certs"),
		"--token-auth-file="+p.path("users.csv"),
		"--authorization-mode=RBAC",
		"--anonymous-auth=false",
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file="+p.path("sa.key"),
		"--service-account-signing-key-file="+p.path("sa.key"),
		"--service-cluster-ip-range=10.0.0.0/20",
		"--allow-privileged=true",
		// Its reconciler waits for leases at the end, and nothing here needs endpoints.
		"--endpoint-reconciler-type=none",
		// No kubelet reports conditions, so nothing would take the taint off again.
		"--disable-admission-plugins=TaintNodesByCondition",
		"--profiling=false",
	)
}

func (p *plane) startControllerManager() error {
	return p.child("kube-controller-manager",
		"--kubeconfig="+p.path("kubeconfig"),
		"--secure-port=0",
		"--cert-dir="+p.path("certs"),
		"--service-account-private-key-file="+p.path("sa.key"),
		"--root-ca-file="+p.path("certs/apiserver.crt"),
		"--leader-elect=false",
		"--controllers=*,-node-ipam-controller,-node-lifecycle-controller",
		// Its default rate starves it.
		"--kube-api-qps=2000",
		"--kube-api-burst=4000",
	)
}

// child starts another command of this binary, which ends with us.
func (p *plane) child(name string, args ...string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	log, err := os.Create(p.path(name + ".log"))
	if err != nil {
		return err
	}
	cmd := exec.Command(self, append([]string{name}, args...)...)
	cmd.Stdout, cmd.Stderr = log, log
	input, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	p.inputs = append(p.inputs, input)
	go func() {
		err := cmd.Wait()
		p.failed <- fmt.Errorf("%s ended: %v", name, err)
	}()
	return nil
}

// writeKubeconfig waits for the certificate that the API server makes for itself.
func (p *plane) writeKubeconfig(ctx context.Context, server string) error {
	certificate := p.path("certs/apiserver.crt")
	if err := p.until(ctx, "the API server has its certificate", func() bool {
		_, err := os.Stat(p.path("certs/apiserver.key"))
		return err == nil
	}); err != nil {
		return err
	}
	ca, err := os.ReadFile(certificate)
	if err != nil {
		return err
	}
	config := clientcmdapi.NewConfig()
	config.Clusters["testbed"] = &clientcmdapi.Cluster{Server: server, CertificateAuthorityData: ca}
	config.AuthInfos["admin"] = &clientcmdapi.AuthInfo{Token: adminToken}
	config.AuthInfos["nobody"] = &clientcmdapi.AuthInfo{Token: nobodyToken}
	config.Contexts["testbed"] = &clientcmdapi.Context{Cluster: "testbed", AuthInfo: "admin"}
	config.Contexts["nobody"] = &clientcmdapi.Context{Cluster: "testbed", AuthInfo: "nobody"}
	config.CurrentContext = "testbed"
	return clientcmd.WriteToFile(*config, p.path("kubeconfig"))
}

// unlimitedClient is a client that is not held to a rate, which would starve the kubelet.
func unlimitedClient(kubeconfig string) (*kubernetes.Clientset, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	config.QPS = -1
	return kubernetes.NewForConfig(config)
}

// publish puts the file in place whole: whoever waits for it never reads half of it.
func publish(from, to string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	part := to + ".part"
	if err := os.WriteFile(part, content, 0o600); err != nil {
		return err
	}
	return os.Rename(part, to)
}

// freePorts holds all while it picks, so that they differ.
func freePorts(count int) ([]int, error) {
	var ports []int
	for range count {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer listener.Close()
		ports = append(ports, listener.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}

func (p *plane) stop() {
	for _, input := range p.inputs {
		_ = input.Close()
	}
	if p.etcd != nil {
		p.etcd.Close()
	}
}

// logs is the end of what the parts wrote, for the message of a failed start.
func (p *plane) logs() string {
	var text string
	for _, name := range []string{"etcd.log", "kube-apiserver.log", "kube-controller-manager.log"} {
		content, err := os.ReadFile(p.path(name))
		if err != nil || len(content) == 0 {
			continue
		}
		text += "--- " + name + "\n" + string(content[max(0, len(content)-3000):]) + "\n"
	}
	return text
}
