// Command testbed is a real Kubernetes control plane in one process tree: the
// API server and the controller manager of a release, etcd without fsync, a
// kubelet that only pretends, and the kubectl of the same version.
//
//	testbed run --kubeconfig-out FILE   until its stdin closes or its parent dies
//	testbed kubectl ARGS...             kubectl
//
// The API server and the controller manager are started as children of the
// same binary: both install process-wide signal handlers, flags and metrics,
// and would clash in one process.
package main

import (
	"fmt"
	"io"
	"os"

	_ "k8s.io/client-go/plugin/pkg/client/auth"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	kubectl "k8s.io/kubectl/pkg/cmd"
	kubectlutil "k8s.io/kubectl/pkg/cmd/util"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllers "k8s.io/kubernetes/cmd/kube-controller-manager/app"
)

func main() {
	if len(os.Args) < 2 {
		usage()
	}
	command := os.Args[1]
	os.Args = append(os.Args[:1], os.Args[2:]...)
	switch command {
	case "run":
		if err := run(os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, "testbed:", err)
			os.Exit(1)
		}
	case "kubectl":
		if err := cli.RunNoErrOutput(kubectl.NewDefaultKubectlCommand()); err != nil {
			kubectlutil.CheckErr(err)
		}
	case "kube-apiserver":
		go endWithStdin()
		os.Exit(cli.Run(apiserver.NewAPIServerCommand()))
	case "kube-controller-manager":
		go endWithStdin()
		os.Exit(cli.Run(controllers.NewControllerManagerCommand()))
	default:
		usage()
	}
}

func usage() {
	fmt.Fprintln(os.Stderr, "usage: testbed run --kubeconfig-out FILE | testbed kubectl ARGS...")
	os.Exit(2)
}

// endWithStdin ends the process when the other end of its stdin is gone, which
// happens however the parent ends. A control plane that keeps nothing needs no
// orderly stop.
func endWithStdin() {
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(0)
}
