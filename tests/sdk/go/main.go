// The Go SDK as its users use it. Where the runtime is, and its token, come from the environment
// (DAPR_GRPC_ENDPOINT, DAPR_API_TOKEN; DAPR_HTTP_ENDPOINT for the plain HTTP call this SDK leaves to
// net/http); prints a PASS line per check.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	common "github.com/dapr/dapr/pkg/proto/common/v1"
	runtime "github.com/dapr/dapr/pkg/proto/runtime/v1"
	dapr "github.com/dapr/go-sdk/client"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/anypb"
)

const (
	store   = "memory"
	httpApp = "http-app"
	grpcApp = "grpc-app"
)

type seen struct {
	Method string `json:"method"`
	Target string `json:"target"`
}

func expect(condition bool, format string, args ...any) error {
	if condition {
		return nil
	}
	return fmt.Errorf(format, args...)
}

func waitForSidecar(ctx context.Context, client dapr.Client) error {
	return client.Wait(ctx, 5*time.Second)
}

func describe(ctx context.Context, client dapr.Client) error {
	if err := client.SetMetadata(ctx, "language", "go"); err != nil {
		return err
	}
	found, err := client.GetMetadata(ctx)
	if err != nil {
		return err
	}
	return expect(found.ID == httpApp && found.ExtendedMetadata["language"] == "go", "metadata: %+v", found)
}

func invokeHTTP(ctx context.Context, _ dapr.Client) error {
	url := os.Getenv("DAPR_HTTP_ENDPOINT") + "/v1.0/invoke/" + httpApp + "/method/a%2Fb?q=1"
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewBufferString("{}"))
	if err != nil {
		return err
	}
	request.Header.Set("dapr-api-token", os.Getenv("DAPR_API_TOKEN"))
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	var got seen
	if err := json.Unmarshal(body, &got); err != nil {
		return fmt.Errorf("%w in %s", err, body)
	}
	return expect(got.Method == "POST" && got.Target == "/a%2Fb?q=1", "app saw %+v", got)
}

func invoke(ctx context.Context, client dapr.Client) error {
	content := &dapr.DataContent{ContentType: "text/plain", Data: []byte("hello")}
	answer, err := client.InvokeMethodWithContent(ctx, httpApp, "mirror", "post", content)
	if err != nil {
		return err
	}
	return expect(string(answer) == "hello", "answer %q", answer)
}

func invokeOther(ctx context.Context, client dapr.Client) error {
	content := &dapr.DataContent{ContentType: "text/plain", Data: []byte("to the other")}
	answer, err := client.InvokeMethodWithContent(ctx, grpcApp, "hello", "post", content)
	if err != nil {
		return err
	}
	return expect(string(answer) == "to the other", "answer %q", answer)
}

func invokeError(ctx context.Context, client dapr.Client) error {
	_, err := client.InvokeMethod(ctx, httpApp, "status/404", "get")
	return expect(status.Code(errors.Unwrap(err)) == codes.NotFound || status.Code(err) == codes.NotFound, "error %v", err)
}

// With a token the SDK's own connection replaces all metadata of a call, dapr-app-id too, so that users
// of the proxy dial by themselves.
func invokeProxy(ctx context.Context, _ dapr.Client) error {
	address := strings.TrimPrefix(os.Getenv("DAPR_GRPC_ENDPOINT"), "http://")
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer connection.Close()
	ctx = metadata.AppendToOutgoingContext(ctx, "dapr-app-id", grpcApp, "dapr-api-token", os.Getenv("DAPR_API_TOKEN"))
	request := &common.InvokeRequest{Method: "proxied", Data: &anypb.Any{Value: []byte("through")}}
	var head metadata.MD
	answer, err := runtime.NewAppCallbackClient(connection).OnInvoke(ctx, request, grpc.Header(&head))
	if err != nil {
		return err
	}
	return expect(string(answer.GetData().GetValue()) == "through" && head.Get("x-app-bin")[0] == "\x00\xff", "answer %v, header %v", answer, head)
}

func states(ctx context.Context, client dapr.Client) error {
	if err := client.SaveState(ctx, store, "go", []byte("one"), nil); err != nil {
		return err
	}
	item, err := client.GetState(ctx, store, "go", nil)
	if err != nil {
		return err
	}
	if string(item.Value) != "one" || item.Etag == "" {
		return fmt.Errorf("item %+v", item)
	}
	if err := client.DeleteState(ctx, store, "go", nil); err != nil {
		return err
	}
	item, err = client.GetState(ctx, store, "go", nil)
	return expect(err == nil && len(item.Value) == 0, "after the delete: %+v, %v", item, err)
}

func etags(ctx context.Context, client dapr.Client) error {
	if err := client.SaveState(ctx, store, "go-etag", []byte("1"), nil); err != nil {
		return err
	}
	item, err := client.GetState(ctx, store, "go-etag", nil)
	if err != nil {
		return err
	}
	if err := client.SaveStateWithETag(ctx, store, "go-etag", []byte("2"), item.Etag, nil); err != nil {
		return err
	}
	err = client.SaveStateWithETag(ctx, store, "go-etag", []byte("3"), item.Etag, nil)
	return expect(err != nil, "an old etag was accepted")
}

func bulk(ctx context.Context, client dapr.Client) error {
	items := []*dapr.SetStateItem{{Key: "go1", Value: []byte("1")}, {Key: "go2", Value: []byte("2")}}
	if err := client.SaveBulkState(ctx, store, items...); err != nil {
		return err
	}
	found, err := client.GetBulkState(ctx, store, []string{"go1", "go2"}, nil, 10)
	return expect(err == nil && len(found) == 2 && len(found[0].Value) == 1, "found %v, %v", found, err)
}

func transaction(ctx context.Context, client dapr.Client) error {
	operations := []*dapr.StateOperation{
		{Type: dapr.StateOperationTypeUpsert, Item: &dapr.SetStateItem{Key: "go3", Value: []byte("3")}},
		{Type: dapr.StateOperationTypeDelete, Item: &dapr.SetStateItem{Key: "go1"}},
	}
	if err := client.ExecuteStateTransaction(ctx, store, nil, operations); err != nil {
		return err
	}
	item, err := client.GetState(ctx, store, "go3", nil)
	return expect(err == nil && string(item.Value) == "3", "item %+v, %v", item, err)
}

func token(ctx context.Context, client dapr.Client) error {
	client.WithAuthToken("wrong")
	defer client.WithAuthToken(os.Getenv("DAPR_API_TOKEN"))
	_, err := client.GetMetadata(ctx)
	return expect(err != nil, "a wrong token was accepted")
}

type check struct {
	name string
	run  func(context.Context, dapr.Client) error
}

func basics() []check {
	return []check{
		{"wait-for-sidecar", waitForSidecar}, {"metadata", describe}, {"invoke-http", invokeHTTP},
		{"invoke", invoke}, {"invoke-other-app", invokeOther}, {"invoke-error", invokeError},
		{"invoke-grpc-proxy", invokeProxy}, {"state", states}, {"state-etags", etags},
		{"state-bulk", bulk}, {"state-transaction", transaction}, {"token", token},
	}
}

// With the argument `state` the checks of state.go are made instead of the basic ones; with `receiver`, a
// kind, a host and a port it is the subscriber of receive.go.
func main() {
	client, err := dapr.NewClient()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	defer client.Close()
	if len(os.Args) == 5 && os.Args[1] == "receiver" {
		fmt.Fprintln(os.Stderr, receive(os.Args[2], os.Args[3], os.Args[4], client))
		os.Exit(1)
	}
	checks := basics()
	if len(os.Args) > 1 && os.Args[1] == "state" {
		checks = stateChecks()
	}
	failed := false
	for _, check := range checks {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		if err := check.run(ctx, client); err != nil {
			failed = true
			fmt.Printf("FAIL %s\n", check.name)
			fmt.Fprintf(os.Stderr, "%s: %v\n", check.name, err)
		} else {
			fmt.Printf("PASS %s\n", check.name)
		}
		cancel()
	}
	if failed {
		os.Exit(1)
	}
}
