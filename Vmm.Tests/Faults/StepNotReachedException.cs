using Vmm.Migration.Handover;

namespace Vmm.Tests.Faults;

/// <summary>The two processes gave up before the step at which the fault was to strike: this host was too slow for their time-outs.</summary>
internal sealed class StepNotReachedException(HandoverStep step, Exception cause) : Exception($"{step} was not reached: {cause.Message}", cause);
