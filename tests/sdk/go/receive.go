package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"

	dapr "github.com/dapr/go-sdk/client"
	"github.com/dapr/go-sdk/service/common"
	grpcservice "github.com/dapr/go-sdk/service/grpc"
	httpservice "github.com/dapr/go-sdk/service/http"
)

const (
	pubsub = "ps"
	orders = "orders"
	echoes = "echoes"
)

type order struct {
	N int `json:"n"`
}

// A subscriber of kind http or grpc. What comes on topic `orders` is printed and published on
// `echoes` by the SDK's client, what comes there is printed too.
func receive(kind, host, port string, client dapr.Client) error {
	onOrder := func(ctx context.Context, event *common.TopicEvent) (bool, error) {
		var got order
		if err := json.Unmarshal(event.RawData, &got); err != nil {
			return false, err
		}
		fmt.Println("GOT", got.N)
		if err := client.PublishEvent(ctx, pubsub, echoes, got); err != nil {
			return true, err
		}
		return false, nil
	}
	onEcho := func(_ context.Context, event *common.TopicEvent) (bool, error) {
		var got order
		if err := json.Unmarshal(event.RawData, &got); err != nil {
			return false, err
		}
		fmt.Println("ECHO", got.N)
		return false, nil
	}
	address := net.JoinHostPort(host, port)
	service := httpservice.NewService(address)
	if kind == "grpc" {
		var err error
		if service, err = grpcservice.NewService(address); err != nil {
			return err
		}
	}
	for topic, handler := range map[string]common.TopicEventHandler{orders: onOrder, echoes: onEcho} {
		subscription := &common.Subscription{PubsubName: pubsub, Topic: topic, Route: "/" + topic}
		if err := service.AddTopicEventHandler(subscription, handler); err != nil {
			return err
		}
	}
	return service.Start()
}
