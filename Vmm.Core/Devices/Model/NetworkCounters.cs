namespace Vmm.Core.Devices.Model;

/// <summary>What has passed a network card, seen from the guest. A dropped frame counts as dropped only; bytes are those of Ethernet frames, without a virtio header.</summary>
/// <param name="ReceivedFrames">Frames that the guest was given.</param>
/// <param name="ReceivedBytes">Their bytes.</param>
/// <param name="ReceiveDropped">Frames that came from the host and that the guest was not given: filtered, without room in its ring, or refused by the host.</param>
/// <param name="SentFrames">Frames that the back end took from the guest.</param>
/// <param name="SentBytes">Their bytes.</param>
/// <param name="SendDropped">Frames of the guest that are lost: malformed, sent without a link, or not taken by the host.</param>
public readonly record struct NetworkCounters(
    ulong ReceivedFrames, ulong ReceivedBytes, ulong ReceiveDropped, ulong SentFrames, ulong SentBytes, ulong SendDropped);
