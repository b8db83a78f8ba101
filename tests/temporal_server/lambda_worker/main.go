// SPDX-License-Identifier: BSL-1.0

// Command lambda_worker is a worker of the official Go SDK in a Lambda function: the other side of a controller, for
// tests. Its version is in DEPLOYMENT and BUILD_ID, its task queue where that package looks for it.
package main

import (
	"context"
	"os"
	"time"

	"go.temporal.io/sdk/contrib/aws/lambdaworker"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

func cook(ctx context.Context, dish string, milliseconds int) (string, error) {
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case <-time.After(time.Duration(milliseconds) * time.Millisecond):
		return dish + " is ready", nil
	}
}

func dinner(ctx workflow.Context, dishes []string) (int, error) {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: 20 * time.Second})
	for _, dish := range dishes {
		if err := workflow.ExecuteActivity(ctx, cook, dish, 20).Get(ctx, nil); err != nil {
			return 0, err
		}
	}
	return len(dishes), nil
}

func main() {
	version := worker.WorkerDeploymentVersion{DeploymentName: os.Getenv("DEPLOYMENT"), BuildID: os.Getenv("BUILD_ID")}
	lambdaworker.RunWorker(version, func(options *lambdaworker.Options) error {
		options.WorkerOptions.DeploymentOptions.DefaultVersioningBehavior = workflow.VersioningBehaviorAutoUpgrade
		options.RegisterActivity(cook)
		options.RegisterWorkflow(dinner)
		return nil
	})
}
