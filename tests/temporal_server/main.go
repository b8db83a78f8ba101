// SPDX-License-Identifier: BSL-1.0

// Command temporal_server is a whole Temporal server in one process, for tests: its four services on loopback, SQLite
// in memory or in a file, nobody asked who they are. It prints one line, "ready ADDRESS", when it takes calls, and ends
// on SIGINT or SIGTERM.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"go.temporal.io/server/chasm/lib/activity"
	"go.temporal.io/server/common/authorization"
	"go.temporal.io/server/common/cluster"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/dynamicconfig"
	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/membership/static"
	sqlstore "go.temporal.io/server/common/persistence/sql/sqlplugin/sqlite"
	"go.temporal.io/server/common/primitives"
	"go.temporal.io/server/schema/sqlite"
	"go.temporal.io/server/temporal"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
)

const (
	loopback    = "127.0.0.1"
	clusterName = "active"
	storeName   = "sqlite"
)

type options struct {
	port       int
	file       string
	level      string
	namespaces []string
	dynamic    dynamicconfig.StaticClient
}

func readOptions() options {
	o := options{dynamic: dynamicconfig.StaticClient{activity.Enabled.Key(): true}}
	flag.IntVar(&o.port, "port", 7233, "port of the frontend; 0 takes a free one")
	flag.StringVar(&o.file, "db", "", "SQLite file to keep everything in, made when it is not there; without it, memory")
	flag.StringVar(&o.level, "log", "error", "what to log at least: debug, info, warn, error")
	flag.Func("namespace", "namespace to have beside default; may be repeated", func(name string) error {
		o.namespaces = append(o.namespaces, name)
		return nil
	})
	flag.Func("d", "dynamic configuration, `key=json`; may be repeated", func(text string) error {
		key, value, found := strings.Cut(text, "=")
		if !found {
			return fmt.Errorf("%q is not key=json", text)
		}
		var parsed any
		if err := json.Unmarshal([]byte(value), &parsed); err != nil {
			return fmt.Errorf("the value of %s is not JSON: %s", key, value)
		}
		o.dynamic[dynamicconfig.MakeKey(key)] = parsed
		return nil
	})
	flag.Parse()
	return o
}

// freePorts returns different ones: all are held until the last is found.
func freePorts(count int) ([]int, error) {
	ports := make([]int, count)
	for i := range ports {
		listener, err := net.Listen("tcp", net.JoinHostPort(loopback, "0"))
		if err != nil {
			return nil, err
		}
		defer listener.Close()
		ports[i] = listener.Addr().(*net.TCPAddr).Port
	}
	return ports, nil
}

func address(port int) string { return net.JoinHostPort(loopback, strconv.Itoa(port)) }

func openStore(o options) (config.SQL, error) {
	store := config.SQL{PluginName: sqlstore.PluginName}
	if o.file == "" {
		store.DatabaseName = "temporal_server"
		store.ConnectAttributes = map[string]string{"mode": "memory", "cache": "shared"}
	} else {
		store.DatabaseName = o.file
		// What a process has written outlives it so too, and that is enough here.
		store.ConnectAttributes = map[string]string{"mode": "rwc", "journal_mode": "wal", "synchronous": "0"}
		if _, err := os.Stat(o.file); os.IsNotExist(err) {
			if err := sqlite.SetupSchema(&store); err != nil {
				return store, err
			}
		}
	}

	var namespaces []*sqlite.NamespaceConfig
	for _, name := range append([]string{"default"}, o.namespaces...) {
		namespace, err := sqlite.NewNamespaceConfig(clusterName, name, false, nil)
		if err != nil {
			return store, err
		}
		namespaces = append(namespaces, namespace)
	}
	return store, sqlite.CreateNamespaces(&store, namespaces...)
}

func configure(o options, store *config.SQL, ports []int) (*config.Config, map[primitives.ServiceName]static.Hosts) {
	frontend := address(o.port)
	c := &config.Config{Services: map[string]config.Service{}}

	c.Persistence.DefaultStore = storeName
	c.Persistence.VisibilityStore = storeName
	c.Persistence.NumHistoryShards = 1
	c.Persistence.DataStores = map[string]config.DataStore{storeName: {SQL: store}}

	c.Global.Membership.MaxJoinDuration = 30 * time.Second
	c.Global.Membership.BroadcastAddress = loopback
	c.ClusterMetadata = &cluster.Config{
		FailoverVersionIncrement: 10,
		MasterClusterName:        clusterName,
		CurrentClusterName:       clusterName,
		ClusterInformation: map[string]cluster.ClusterInformation{clusterName: {
			Enabled:                true,
			InitialFailoverVersion: 1,
			RPCAddress:             frontend,
			HTTPAddress:            address(ports[0]),
			ClusterID:              "7f3b1c58-2a64-4e0d-9c1e-5d8f60a3b942",
		}},
	}
	c.DCRedirectionPolicy.Policy = "noop"
	c.PublicClient.HostPort = frontend

	const disabled = "disabled"
	c.Archival.History.State, c.Archival.Visibility.State = disabled, disabled
	c.NamespaceDefaults.Archival.History.State, c.NamespaceDefaults.Archival.Visibility.State = disabled, disabled

	hosts := map[primitives.ServiceName]static.Hosts{}
	place := func(name primitives.ServiceName, rpc config.RPC) {
		rpc.BindOnIP = loopback
		c.Services[string(name)] = config.Service{RPC: rpc}
		hosts[name] = static.SingleLocalHost(address(rpc.GRPCPort))
	}
	place(primitives.FrontendService, config.RPC{GRPCPort: o.port, HTTPPort: ports[0]})
	place(primitives.HistoryService, config.RPC{GRPCPort: ports[1]})
	place(primitives.MatchingService, config.RPC{GRPCPort: ports[2]})
	place(primitives.WorkerService, config.RPC{GRPCPort: ports[3]})
	return c, hosts
}

func awaitServing(frontend string) error {
	connection, err := grpc.NewClient(frontend, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer connection.Close()
	health := grpc_health_v1.NewHealthClient(connection)
	question := &grpc_health_v1.HealthCheckRequest{Service: "temporal.api.workflowservice.v1.WorkflowService"}
	for {
		answer, err := health.Check(context.Background(), question)
		if err == nil && answer.Status == grpc_health_v1.HealthCheckResponse_SERVING {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func run() error {
	o := readOptions()
	ports, err := freePorts(5)
	if err != nil {
		return err
	}
	if o.port == 0 {
		o.port = ports[4]
	}
	store, err := openStore(o)
	if err != nil {
		return err
	}

	c, hosts := configure(o, &store, ports)
	server, err := temporal.NewServer(
		temporal.WithConfig(c),
		temporal.ForServices(temporal.DefaultServices),
		temporal.WithStaticHosts(hosts),
		temporal.WithLogger(log.NewZapLogger(log.BuildZapLogger(log.Config{Level: o.level}))),
		temporal.WithDynamicConfigClient(o.dynamic),
		temporal.WithAuthorizer(authorization.NewNoopAuthorizer()),
		temporal.WithClaimMapper(func(*config.Config) authorization.ClaimMapper {
			return authorization.NewNoopClaimMapper()
		}),
		temporal.InterruptOn(temporal.InterruptCh()),
	)
	if err != nil {
		return err
	}

	go func() {
		if err := awaitServing(address(o.port)); err == nil {
			fmt.Println("ready", address(o.port))
		}
	}()
	return server.Start()
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "temporal_server:", err)
		os.Exit(1)
	}
}
