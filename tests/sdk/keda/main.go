// Calls an external scaler with the client that KEDA itself uses.
//
// usage: keda ADDRESS METHOD [KEY=VALUE...]
//
// METHOD is IsActive, StreamIsActive, GetMetricSpec or GetMetrics; the pairs are the trigger's metadata.
// Each answer is one line of JSON on standard output, an error one with `code` and `message`.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	pb "github.com/kedacore/keda/v2/pkg/scalers/externalscaler"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
)

func show(value any) {
	line, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	fmt.Println(string(line))
}

func fail(err error) {
	s := status.Convert(err)
	show(map[string]any{"code": s.Code().String(), "message": s.Message()})
	os.Exit(1)
}

func main() {
	address, method := os.Args[1], os.Args[2]
	metadata := map[string]string{"scalerAddress": address}
	for _, pair := range os.Args[3:] {
		key, value, _ := strings.Cut(pair, "=")
		metadata[key] = value
	}
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		fail(err)
	}
	defer connection.Close()
	client := pb.NewExternalScalerClient(connection)
	ref := &pb.ScaledObjectRef{Name: "orders", Namespace: "shop", ScalerMetadata: metadata}
	if method == "StreamIsActive" {
		// As KEDA does: no deadline, until one side ends it.
		stream, err := client.StreamIsActive(context.Background(), ref)
		if err != nil {
			fail(err)
		}
		for {
			answer, err := stream.Recv()
			if err == io.EOF {
				show("end")
				return
			}
			if err != nil {
				fail(err)
			}
			show(answer.GetResult())
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	switch method {
	case "IsActive":
		answer, err := client.IsActive(ctx, ref)
		if err != nil {
			fail(err)
		}
		show(answer.GetResult())
	case "GetMetricSpec":
		answer, err := client.GetMetricSpec(ctx, ref)
		if err != nil {
			fail(err)
		}
		for _, spec := range answer.GetMetricSpecs() {
			show(map[string]any{"name": spec.GetMetricName(), "size": spec.GetTargetSize(),
				"float": spec.GetTargetSizeFloat()})
		}
	case "GetMetrics":
		// The name comes from the scaler, as in KEDA.
		spec, err := client.GetMetricSpec(ctx, ref)
		if err != nil {
			fail(err)
		}
		answer, err := client.GetMetrics(ctx, &pb.GetMetricsRequest{ScaledObjectRef: ref,
			MetricName: spec.GetMetricSpecs()[0].GetMetricName()})
		if err != nil {
			fail(err)
		}
		for _, value := range answer.GetMetricValues() {
			show(map[string]any{"name": value.GetMetricName(), "value": value.GetMetricValue(),
				"float": value.GetMetricValueFloat()})
		}
	default:
		panic("unknown method " + method)
	}
}
