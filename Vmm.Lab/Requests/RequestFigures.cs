using Vmm.Lab.Comparisons;

namespace Vmm.Lab.Requests;

/// <summary>What one run of requests came to.</summary>
/// <param name="Costs">What each cost the host.</param>
/// <param name="Rate">Requests a second.</param>
/// <param name="DeviceInterrupts">Interrupts of the disk for each, as the guest counted them.</param>
/// <param name="MedianNanoseconds">A request's time, as the guest saw it.</param>
/// <param name="Percentile99Nanoseconds">One in a hundred took longer.</param>
internal sealed record RequestFigures(HostCosts Costs, double Rate, double DeviceInterrupts, double MedianNanoseconds, double Percentile99Nanoseconds);
