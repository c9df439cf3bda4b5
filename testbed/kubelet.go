package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
)

const (
	nodeName       = "testbed"
	kubeletWorkers = 16
	// behaviour is the annotation by which a pod asks to go wrong: crash-loop,
	// image-pull-error, mount-error, unschedulable, never-ready, fail, or
	// ready-after=DURATION.
	behaviour = "testbed.trueup.dev/pod"
	// logged is the annotation that says what the pod's containers wrote.
	logged = "testbed.trueup.dev/log"
)

// kubelet binds every pod to one node and says of it what a real one would.
type kubelet struct {
	client kubernetes.Interface
	pods   cache.Indexer
	queue  workqueue.TypedRateLimitingInterface[string]
}

// startKubelet runs the kubelet. certs is the folder with the certificate under
// which it serves logs.
func startKubelet(ctx context.Context, client kubernetes.Interface, certs string) error {
	factory := informers.NewSharedInformerFactory(client, 0)
	informer := factory.Core().V1().Pods().Informer()
	k := &kubelet{
		client: client,
		pods:   informer.GetIndexer(),
		queue: workqueue.NewTypedRateLimitingQueue(
			workqueue.NewTypedItemExponentialFailureRateLimiter[string](5*time.Millisecond, time.Second)),
	}
	enqueue := func(obj any) {
		if key, err := cache.DeletionHandlingMetaNamespaceKeyFunc(obj); err == nil {
			k.queue.Add(key)
		}
	}
	if _, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    enqueue,
		UpdateFunc: func(_, obj any) { enqueue(obj) },
	}); err != nil {
		return err
	}
	port, err := k.serveLogs(certs)
	if err != nil {
		return err
	}
	if err := registerNode(ctx, client, port); err != nil {
		return err
	}
	factory.Start(ctx.Done())
	for range kubeletWorkers {
		go k.work(ctx)
	}
	return nil
}

// serveLogs answers what the API server asks a kubelet for `kubectl logs`:
// /containerLogs/NAMESPACE/POD/CONTAINER.
func (k *kubelet) serveLogs(certs string) (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/containerLogs/{namespace}/{pod}/{container}", func(w http.ResponseWriter, r *http.Request) {
		object, found, _ := k.pods.GetByKey(r.PathValue("namespace") + "/" + r.PathValue("pod"))
		if !found {
			http.NotFound(w, r)
			return
		}
		lines := strings.SplitAfter(object.(*corev1.Pod).Annotations[logged], "\n")
		if tail, err := strconv.Atoi(r.URL.Query().Get("tailLines")); err == nil {
			lines = lines[max(0, len(lines)-tail):]
		}
		_, _ = io.WriteString(w, strings.Join(lines, ""))
	})
	go func() {
		_ = http.ServeTLS(listener, mux, filepath.Join(certs, "apiserver.crt"), filepath.Join(certs, "apiserver.key"))
	}()
	return listener.Addr().(*net.TCPAddr).Port, nil
}

func registerNode(ctx context.Context, client kubernetes.Interface, port int) error {
	capacity := corev1.ResourceList{
		corev1.ResourceCPU:    resource.MustParse("1000"),
		corev1.ResourceMemory: resource.MustParse("4Ti"),
		corev1.ResourcePods:   resource.MustParse("100000"),
	}
	node := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: nodeName, Labels: map[string]string{corev1.LabelHostname: nodeName}},
		Status: corev1.NodeStatus{
			Capacity: capacity, Allocatable: capacity,
			Addresses:       []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: "127.0.0.1"}},
			DaemonEndpoints: corev1.NodeDaemonEndpoints{KubeletEndpoint: corev1.DaemonEndpoint{Port: int32(port)}},
			Conditions:      []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}},
		},
	}
	_, err := client.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{})
	return err
}

func (k *kubelet) work(ctx context.Context) {
	for {
		key, shutdown := k.queue.Get()
		if shutdown {
			return
		}
		if err := k.sync(ctx, key); err != nil && !apierrors.IsNotFound(err) {
			k.queue.AddRateLimited(key)
		} else {
			k.queue.Forget(key)
		}
		k.queue.Done(key)
	}
}

// sync brings one pod one step further; the next event brings the next step.
func (k *kubelet) sync(ctx context.Context, key string) error {
	object, found, err := k.pods.GetByKey(key)
	if err != nil || !found {
		return err
	}
	pod := object.(*corev1.Pod).DeepCopy()
	pods := k.client.CoreV1().Pods(pod.Namespace)
	switch {
	case pod.DeletionTimestamp != nil:
		return pods.Delete(ctx, pod.Name, *metav1.NewDeleteOptions(0))
	case pod.Spec.NodeName == "" && pod.Annotations[behaviour] == "unschedulable":
		if pod.Status.Conditions != nil {
			return nil
		}
		pod.Status.Conditions = []corev1.PodCondition{{
			Type: corev1.PodScheduled, Status: corev1.ConditionFalse, LastTransitionTime: metav1.Now(),
			Reason: corev1.PodReasonUnschedulable, Message: "0/1 nodes are available: 1 Insufficient cpu.",
		}}
		_, err = pods.UpdateStatus(ctx, pod, metav1.UpdateOptions{})
		return err
	case pod.Spec.NodeName == "":
		return pods.Bind(ctx, &corev1.Binding{
			ObjectMeta: metav1.ObjectMeta{Name: pod.Name, Namespace: pod.Namespace, UID: pod.UID},
			Target:     corev1.ObjectReference{Kind: "Node", Name: nodeName},
		}, metav1.CreateOptions{})
	case pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed:
		return nil
	}
	status, after := wanted(pod, time.Now())
	if after > 0 {
		k.queue.AddAfter(key, after)
	}
	if status.Phase == pod.Status.Phase && isReady(status) == isReady(pod.Status) &&
		len(status.ContainerStatuses) == len(pod.Status.ContainerStatuses) {
		return nil
	}
	if pod.Annotations[behaviour] == "mount-error" {
		if err := k.warn(ctx, pod, "FailedMount", `MountVolume.SetUp failed for volume "data" : configmap "missing" not found`); err != nil {
			return err
		}
	}
	pod.Status = status
	_, err = pods.UpdateStatus(ctx, pod, metav1.UpdateOptions{})
	return err
}

// warn writes an event about a pod.
func (k *kubelet) warn(ctx context.Context, pod *corev1.Pod, reason, message string) error {
	event := &corev1.Event{
		ObjectMeta: metav1.ObjectMeta{GenerateName: pod.Name + ".", Namespace: pod.Namespace},
		InvolvedObject: corev1.ObjectReference{
			APIVersion: "v1", Kind: "Pod", Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID,
		},
		Type: corev1.EventTypeWarning, Reason: reason, Message: message, Count: 1,
		FirstTimestamp: metav1.Now(), LastTimestamp: metav1.Now(),
		Source: corev1.EventSource{Component: "kubelet", Host: nodeName},
	}
	_, err := k.client.CoreV1().Events(pod.Namespace).Create(ctx, event, metav1.CreateOptions{})
	return err
}

// wanted is the status that a pod should have now, and when to look again.
func wanted(pod *corev1.Pod, now time.Time) (corev1.PodStatus, time.Duration) {
	mode := pod.Annotations[behaviour]
	ready, after := mode != "never-ready", time.Duration(0)
	if text, found := strings.CutPrefix(mode, "ready-after="); found {
		if wait, err := time.ParseDuration(text); err == nil {
			after = time.Until(pod.CreationTimestamp.Add(wait))
			ready = after <= 0
		}
	}
	switch {
	case mode == "image-pull-error":
		return waiting(pod, corev1.PodPending, "ImagePullBackOff", "Back-off pulling image"), 0
	case mode == "crash-loop":
		return crashing(pod, now), 0
	case mode == "mount-error":
		return waiting(pod, corev1.PodPending, "ContainerCreating", ""), 0
	case mode == "fail":
		return ended(pod, now, corev1.PodFailed, 1), 0
	case isOfJob(pod) && ready:
		return ended(pod, now, corev1.PodSucceeded, 0), 0
	}
	return running(pod, now, ready), max(after, 0)
}

func isOfJob(pod *corev1.Pod) bool {
	owner := metav1.GetControllerOf(pod)
	return owner != nil && owner.Kind == "Job"
}

func isReady(status corev1.PodStatus) bool {
	for _, condition := range status.Conditions {
		if condition.Type == corev1.PodReady {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}

func running(pod *corev1.Pod, now time.Time, ready bool) corev1.PodStatus {
	state := corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(now)}}
	return status(pod, corev1.PodRunning, ready, state)
}

func waiting(pod *corev1.Pod, phase corev1.PodPhase, reason, message string) corev1.PodStatus {
	state := corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}
	return status(pod, phase, false, state)
}

func crashing(pod *corev1.Pod, now time.Time) corev1.PodStatus {
	status := waiting(pod, corev1.PodRunning, "CrashLoopBackOff", "back-off 10s restarting failed container")
	for i := range status.ContainerStatuses {
		status.ContainerStatuses[i].RestartCount = 2
		status.ContainerStatuses[i].LastTerminationState = corev1.ContainerState{
			Terminated: &corev1.ContainerStateTerminated{
				ExitCode: 1, Reason: "Error", StartedAt: metav1.NewTime(now), FinishedAt: metav1.NewTime(now),
			},
		}
	}
	return status
}

func ended(pod *corev1.Pod, now time.Time, phase corev1.PodPhase, code int32) corev1.PodStatus {
	state := corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
		ExitCode: code, StartedAt: metav1.NewTime(now), FinishedAt: metav1.NewTime(now),
	}}
	return status(pod, phase, false, state)
}

func status(pod *corev1.Pod, phase corev1.PodPhase, ready bool, state corev1.ContainerState) corev1.PodStatus {
	status := *pod.Status.DeepCopy()
	status.Phase = phase
	status.Conditions = nil
	for _, kind := range []corev1.PodConditionType{
		corev1.PodScheduled, corev1.PodInitialized, corev1.ContainersReady, corev1.PodReady,
	} {
		value := corev1.ConditionTrue
		if !ready && (kind == corev1.PodReady || kind == corev1.ContainersReady) {
			value = corev1.ConditionFalse
		}
		status.Conditions = append(status.Conditions, corev1.PodCondition{
			Type: kind, Status: value, LastTransitionTime: metav1.Now(),
		})
	}
	status.ContainerStatuses = nil
	for _, container := range pod.Spec.Containers {
		started := state.Running != nil
		status.ContainerStatuses = append(status.ContainerStatuses, corev1.ContainerStatus{
			Name: container.Name, Image: container.Image, Ready: ready, State: state, Started: &started,
		})
	}
	return status
}
