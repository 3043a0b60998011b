package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	dapr "github.com/dapr/go-sdk/client"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// State on each store that the environment names: STATE_STORES, STATE_WITH_TTL_TIME, STATE_WITH_QUERY and
// STATE_ENCRYPTED are lists with commas; the names of the checks are `store/check`. This SDK's own options
// are strong and last-write, under which some stores look at no etag, so that the checks say first-write.

var firstWrite = &dapr.StateOptions{Concurrency: dapr.StateConcurrencyFirstWrite}

type stateCheck func(ctx context.Context, client dapr.Client, store string) error

func listed(variable string) []string {
	return strings.FieldsFunc(os.Getenv(variable), func(r rune) bool { return r == ',' })
}

func refused(err error, wanted ...codes.Code) error {
	if err == nil {
		return errors.New("it was accepted")
	}
	found := status.Code(err)
	if inner := errors.Unwrap(err); inner != nil && found == codes.Unknown {
		found = status.Code(inner)
	}
	for _, code := range wanted {
		if found == code {
			return nil
		}
	}
	return fmt.Errorf("%v instead of %v: %w", found, wanted, err)
}

func save(ctx context.Context, client dapr.Client, store, key, value, etag string) error {
	return client.SaveStateWithETag(ctx, store, key, []byte(value), etag, nil, dapr.WithConcurrency(dapr.StateConcurrencyFirstWrite))
}

func holds(ctx context.Context, client dapr.Client, store, key, wanted string) error {
	item, err := client.GetState(ctx, store, key, nil)
	if err != nil {
		return err
	}
	return expect(string(item.Value) == wanted, "%s is %q", key, item.Value)
}

func etagOf(ctx context.Context, client dapr.Client, store, key string) (string, error) {
	item, err := client.GetState(ctx, store, key, nil)
	if err != nil {
		return "", err
	}
	return item.Etag, expect(item.Etag != "", "%s has no etag", key)
}

// An etag that was right before the value became "two".
func oldEtag(ctx context.Context, client dapr.Client, store, key string) (string, error) {
	if err := client.SaveState(ctx, store, key, []byte("one"), nil); err != nil {
		return "", err
	}
	etag, err := etagOf(ctx, client, store, key)
	if err != nil {
		return "", err
	}
	return etag, client.SaveState(ctx, store, key, []byte("two"), nil)
}

func etagMatch(ctx context.Context, client dapr.Client, store string) error {
	if err := client.SaveState(ctx, store, "go-match", []byte("one"), nil); err != nil {
		return err
	}
	etag, err := etagOf(ctx, client, store, "go-match")
	if err != nil {
		return err
	}
	if err := save(ctx, client, store, "go-match", "two", etag); err != nil {
		return err
	}
	if err := holds(ctx, client, store, "go-match", "two"); err != nil {
		return err
	}
	after, err := etagOf(ctx, client, store, "go-match")
	return errors.Join(err, expect(after != etag, "the etag is still %q", etag))
}

func etagMismatch(ctx context.Context, client dapr.Client, store string) error {
	etag, err := oldEtag(ctx, client, store, "go-old")
	if err != nil {
		return err
	}
	if err := refused(save(ctx, client, store, "go-old", "three", etag), codes.Aborted); err != nil {
		return err
	}
	return holds(ctx, client, store, "go-old", "two")
}

func etagDelete(ctx context.Context, client dapr.Client, store string) error {
	etag, err := oldEtag(ctx, client, store, "go-gone")
	if err != nil {
		return err
	}
	remove := func(etag string) error {
		return client.DeleteStateWithETag(ctx, store, "go-gone", &dapr.ETag{Value: etag}, nil, firstWrite)
	}
	if err := refused(remove(etag), codes.Aborted); err != nil {
		return err
	}
	if etag, err = etagOf(ctx, client, store, "go-gone"); err != nil {
		return err
	}
	return errors.Join(remove(etag), holds(ctx, client, store, "go-gone", ""))
}

func firstWrites(ctx context.Context, client dapr.Client, store string) error {
	if err := client.DeleteState(ctx, store, "go-first", nil); err != nil {
		return err
	}
	if err := save(ctx, client, store, "go-first", "one", ""); err != nil {
		return err
	}
	if err := refused(save(ctx, client, store, "go-first", "two", ""), codes.Aborted, codes.Internal); err != nil {
		return err
	}
	return holds(ctx, client, store, "go-first", "one")
}

func strong(ctx context.Context, client dapr.Client, store string) error {
	strongly := dapr.WithConsistency(dapr.StateConsistencyStrong)
	if err := client.SaveState(ctx, store, "go-strong", []byte("kept"), nil, strongly); err != nil {
		return err
	}
	item, err := client.GetStateWithConsistency(ctx, store, "go-strong", nil, dapr.StateConsistencyStrong)
	return errors.Join(err, expect(item != nil && string(item.Value) == "kept", "item %+v", item))
}

func inTransaction(ctx context.Context, client dapr.Client, store string) error {
	old := []*dapr.SetStateItem{{Key: "go-t1", Value: []byte("old")}, {Key: "go-t2", Value: []byte("old")}}
	if err := client.SaveBulkState(ctx, store, old...); err != nil {
		return err
	}
	err := client.ExecuteStateTransaction(ctx, store, nil, []*dapr.StateOperation{
		{Type: dapr.StateOperationTypeUpsert, Item: &dapr.SetStateItem{Key: "go-t1", Value: []byte("new")}},
		{Type: dapr.StateOperationTypeDelete, Item: &dapr.SetStateItem{Key: "go-t2"}},
		{Type: dapr.StateOperationTypeUpsert, Item: &dapr.SetStateItem{Key: "go-t3", Value: []byte("x")}},
	})
	return errors.Join(err, holds(ctx, client, store, "go-t1", "new"),
		holds(ctx, client, store, "go-t2", ""), holds(ctx, client, store, "go-t3", "x"))
}

func transactionMismatch(ctx context.Context, client dapr.Client, store string) error {
	etag, err := oldEtag(ctx, client, store, "go-tm")
	if err != nil {
		return err
	}
	item := &dapr.SetStateItem{Key: "go-tm", Value: []byte("three"), Etag: &dapr.ETag{Value: etag}, Options: firstWrite}
	err = client.ExecuteStateTransaction(ctx, store, nil, []*dapr.StateOperation{{Type: dapr.StateOperationTypeUpsert, Item: item}})
	if err := refused(err, codes.Internal, codes.Aborted); err != nil {
		return err
	}
	return holds(ctx, client, store, "go-tm", "two")
}

func inBulk(ctx context.Context, client dapr.Client, store string) error {
	var items []*dapr.SetStateItem
	var keys []string
	for i := range 20 {
		keys = append(keys, fmt.Sprintf("go-bulk%d", i))
		items = append(items, &dapr.SetStateItem{Key: keys[i], Value: []byte(fmt.Sprint(i))})
	}
	if err := client.SaveBulkState(ctx, store, items...); err != nil {
		return err
	}
	found, err := client.GetBulkState(ctx, store, append(keys, "go-nobody"), nil, 4)
	if err != nil || len(found) != 21 {
		return fmt.Errorf("%d items: %w", len(found), err)
	}
	for _, item := range found {
		wanted := strings.TrimPrefix(item.Key, "go-bulk")
		if item.Key == "go-nobody" {
			wanted = ""
		}
		if string(item.Value) != wanted || (item.Etag == "") != (wanted == "") || item.Error != "" {
			return fmt.Errorf("item %+v", item)
		}
	}
	if err := client.DeleteBulkState(ctx, store, keys, nil); err != nil {
		return err
	}
	found, err = client.GetBulkState(ctx, store, keys, nil, 4)
	for _, item := range found {
		err = errors.Join(err, expect(len(item.Value) == 0, "%s was not deleted", item.Key))
	}
	return err
}

func ttl(ctx context.Context, client dapr.Client, store string) error {
	if err := client.SaveState(ctx, store, "go-ttl", []byte("x"), map[string]string{"ttlInSeconds": "1"}); err != nil {
		return err
	}
	if err := holds(ctx, client, store, "go-ttl", "x"); err != nil {
		return err
	}
	for until := time.Now().Add(10 * time.Second); holds(ctx, client, store, "go-ttl", "") != nil && time.Now().Before(until); {
		time.Sleep(50 * time.Millisecond)
	}
	return holds(ctx, client, store, "go-ttl", "")
}

func ttlTime(ctx context.Context, client dapr.Client, store string) error {
	if err := client.SaveState(ctx, store, "go-time", []byte("x"), map[string]string{"ttlInSeconds": "100"}); err != nil {
		return err
	}
	item, err := client.GetState(ctx, store, "go-time", nil)
	if err != nil {
		return err
	}
	end, err := time.Parse(time.RFC3339, item.Metadata["ttlExpireTime"])
	left := time.Until(end)
	return errors.Join(err, expect(left > 80*time.Second && left <= 101*time.Second, "metadata %v", item.Metadata))
}

type place struct {
	Mark string `json:"mark"`
	N    int    `json:"n"`
	City string `json:"city"`
}

func query(ctx context.Context, client dapr.Client, store string) error {
	for n := range 5 {
		value, err := json.Marshal(place{"go", n, []string{"Kiel", "Bonn"}[n%2]})
		if err != nil {
			return err
		}
		meta := map[string]string{"contentType": "application/json"}
		if err := client.SaveState(ctx, store, fmt.Sprintf("go-q%d", n), value, meta); err != nil {
			return err
		}
	}
	kiel := `{"filter":{"AND":[{"EQ":{"mark":"go"}},{"EQ":{"city":"Kiel"}}]},"sort":[{"key":"n","order":"DESC"}]}`
	answer, err := client.QueryStateAlpha1(ctx, store, kiel, nil)
	if err != nil {
		return err
	}
	var first place
	if len(answer.Results) != 3 || answer.Results[0].Key != "go-q4" || answer.Results[2].Key != "go-q0" {
		return fmt.Errorf("results %v", answer.Results)
	}
	if err := json.Unmarshal(answer.Results[0].Value, &first); err != nil || first != (place{"go", 4, "Kiel"}) {
		return fmt.Errorf("first %+v: %w", first, err)
	}
	var seen []int
	token := ""
	for range 3 {
		page := fmt.Sprintf(`{"filter":{"EQ":{"mark":"go"}},"sort":[{"key":"n"}],"page":{"limit":2,"token":%q}}`, token)
		if answer, err = client.QueryStateAlpha1(ctx, store, page, nil); err != nil {
			return err
		}
		for _, item := range answer.Results {
			var one place
			if err := json.Unmarshal(item.Value, &one); err != nil {
				return err
			}
			seen = append(seen, one.N)
		}
		token = answer.Token
	}
	return expect(fmt.Sprint(seen) == "[0 1 2 3 4]", "seen %v", seen)
}

func encryption(ctx context.Context, client dapr.Client, store string) error {
	if err := client.SaveState(ctx, store, "go-secret", []byte("plain text"), nil); err != nil {
		return err
	}
	item := &dapr.SetStateItem{Key: "go-secret-t", Value: []byte("plain text")}
	err := client.ExecuteStateTransaction(ctx, store, nil, []*dapr.StateOperation{{Type: dapr.StateOperationTypeUpsert, Item: item}})
	return errors.Join(err, holds(ctx, client, store, "go-secret", "plain text"),
		holds(ctx, client, store, "go-secret-t", "plain text"))
}

func stateChecks() []check {
	var all []check
	add := func(variable, name string, body stateCheck) {
		for _, store := range listed(variable) {
			run := func(ctx context.Context, client dapr.Client) error { return body(ctx, client, store) }
			all = append(all, check{store + "/" + name, run})
		}
	}
	add("STATE_STORES", "etag-match", etagMatch)
	add("STATE_STORES", "etag-mismatch", etagMismatch)
	add("STATE_STORES", "etag-delete", etagDelete)
	add("STATE_STORES", "first-write", firstWrites)
	add("STATE_STORES", "strong", strong)
	add("STATE_STORES", "transaction", inTransaction)
	add("STATE_STORES", "transaction-mismatch", transactionMismatch)
	add("STATE_STORES", "bulk", inBulk)
	add("STATE_STORES", "ttl", ttl)
	add("STATE_WITH_TTL_TIME", "ttl-time", ttlTime)
	add("STATE_WITH_QUERY", "query", query)
	add("STATE_ENCRYPTED", "encryption", encryption)
	return all
}
