// SPDX-License-Identifier: BSL-1.0

// Command ten_steps is a worker of the official Go SDK to measure beside: a workflow of so many activities, one after
// the other. It is set up as tests/bench/ten_steps/worker.cpp is, from the same variables, and says as little.
package main

import (
	"context"
	"log"
	"log/slog"
	"os"
	"strconv"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

func add(_ context.Context, number int64) (int64, error) { return number + 1, nil }

func steps(ctx workflow.Context, count int64) (int64, error) {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: 10 * time.Second})
	var sum int64
	for i := int64(0); i < count; i++ {
		var one int64
		if err := workflow.ExecuteActivity(ctx, add, i).Get(ctx, &one); err != nil {
			return 0, err
		}
		sum += one
	}
	return sum, nil
}

func main() {
	if cache, err := strconv.Atoi(os.Getenv("STEPS_CACHE")); err == nil {
		worker.SetStickyWorkflowCacheSize(cache)
	}
	// The SDK's own logger would write a line for each activity.
	quiet := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelInfo}))
	c, err := client.Dial(client.Options{HostPort: os.Getenv("TEMPORAL_ADDRESS"), Logger: sdklog.NewStructuredLogger(quiet)})
	if err != nil {
		log.Fatalln(err)
	}
	defer c.Close()

	w := worker.New(c, os.Getenv("TEMPORAL_TASK_QUEUE"), worker.Options{
		MaxConcurrentActivityExecutionSize:     100,
		MaxConcurrentWorkflowTaskExecutionSize: 100,
		MaxConcurrentActivityTaskPollers:       2,
		MaxConcurrentWorkflowTaskPollers:       2,
		DisableEagerActivities:                 os.Getenv("STEPS_EAGER") == "off",
		DeploymentOptions: worker.DeploymentOptions{
			UseVersioning: true,
			Version:       worker.WorkerDeploymentVersion{DeploymentName: os.Getenv("STEPS_DEPLOYMENT"), BuildID: "1"},
		},
	})
	w.RegisterActivityWithOptions(add, activity.RegisterOptions{Name: "add"})
	w.RegisterWorkflowWithOptions(steps, workflow.RegisterOptions{
		Name: "steps", VersioningBehavior: workflow.VersioningBehaviorPinned})
	if err := w.Run(worker.InterruptCh()); err != nil {
		log.Fatalln(err)
	}
}
