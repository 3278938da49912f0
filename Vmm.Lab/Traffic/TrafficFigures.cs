using Vmm.Lab.Comparisons;

namespace Vmm.Lab.Traffic;

/// <summary>What one run of TCP came to.</summary>
/// <param name="Costs">What each MiB cost the host.</param>
/// <param name="BitsPerSecond">How fast it was, as iperf3 measured it where it arrived.</param>
/// <param name="DeviceInterrupts">Interrupts of the network card for each MiB, as the guest counted them.</param>
/// <param name="FramesToGuest">Frames to the guest for each MiB; of bulk data many segments are in one, where the offloads are in force.</param>
/// <param name="FramesFromGuest">Frames from the guest for each MiB.</param>
internal sealed record TrafficFigures(HostCosts Costs, double BitsPerSecond, double DeviceInterrupts, double FramesToGuest, double FramesFromGuest);
