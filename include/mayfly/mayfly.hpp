// SPDX-License-Identifier: BSL-1.0
#pragma once

// Everything of core. The first part needs the standard library only; the second needs Boost and is left out where
// Boost is not to be had, or not wanted: define MAYFLY_NO_ASIO for that.
#include <mayfly/base64.hpp>
#include <mayfly/batching.hpp>
#include <mayfly/clock.hpp>
#include <mayfly/compute_config.hpp>
#include <mayfly/compute_registry.hpp>
#include <mayfly/compute_update.hpp>
#include <mayfly/condition.hpp>
#include <mayfly/controller_event.hpp>
#include <mayfly/controller_machine.hpp>
#include <mayfly/deployment.hpp>
#include <mayfly/environment.hpp>
#include <mayfly/identity.hpp>
#include <mayfly/invocation_machine.hpp>
#include <mayfly/invocation_report.hpp>
#include <mayfly/launch.hpp>
#include <mayfly/launch_notice.hpp>
#include <mayfly/leaving.hpp>
#include <mayfly/ledger.hpp>
#include <mayfly/ledger_entries.hpp>
#include <mayfly/memory_text.hpp>
#include <mayfly/problem.hpp>
#include <mayfly/scaler.hpp>
#include <mayfly/scalers/breaker.hpp>
#include <mayfly/scalers/clamped.hpp>
#include <mayfly/scalers/fleet.hpp>
#include <mayfly/scalers/fleet_settings.hpp>
#include <mayfly/scalers/metrics_poll.hpp>
#include <mayfly/scalers/no_sync.hpp>
#include <mayfly/scalers/no_sync_settings.hpp>
#include <mayfly/scalers/paced.hpp>
#include <mayfly/scalers/rate_based.hpp>
#include <mayfly/scalers/rate_based_settings.hpp>
#include <mayfly/scalers/reference_kinds.hpp>
#include <mayfly/scalers/reference_status.hpp>
#include <mayfly/settings.hpp>
#include <mayfly/signal.hpp>
#include <mayfly/testing/bounds.hpp>
#include <mayfly/testing/eager.hpp>
#include <mayfly/testing/event_queue.hpp>
#include <mayfly/testing/model.hpp>
#include <mayfly/testing/model_driver.hpp>
#include <mayfly/testing/no_sync_baseline.hpp>
#include <mayfly/testing/poller_list.hpp>
#include <mayfly/testing/random.hpp>
#include <mayfly/testing/recording.hpp>
#include <mayfly/testing/run_metrics.hpp>
#include <mayfly/testing/simulate.hpp>
#include <mayfly/testing/start_draws.hpp>
#include <mayfly/testing/task_queue.hpp>
#include <mayfly/testing/workload.hpp>
#include <mayfly/testing/workload_file.hpp>
#include <mayfly/verdict.hpp>
#include <mayfly/version.hpp>
#include <mayfly/version_plan.hpp>
#include <mayfly/version_spec.hpp>
#include <mayfly/worker_options.hpp>

#if !defined(MAYFLY_NO_ASIO) && __has_include(<boost/asio/async_result.hpp>)
/// Defined when the parts that need Boost.Asio are here.
#define MAYFLY_HAS_ASIO 1

#include <mayfly/compute_provider.hpp>
#include <mayfly/controller.hpp>
#include <mayfly/error.hpp>
#include <mayfly/invocation.hpp>
#include <mayfly/queue_source.hpp>
#include <mayfly/shutdown_hooks.hpp>
#include <mayfly/testing/fake_worker.hpp>
#include <mayfly/testing/manual_clock.hpp>
#include <mayfly/testing/scripted_calls.hpp>
#include <mayfly/testing/scripted_provider.hpp>
#include <mayfly/testing/scripted_source.hpp>
#include <mayfly/worker.hpp>
#endif
