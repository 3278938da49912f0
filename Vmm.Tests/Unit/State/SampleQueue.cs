using Vmm.Core.State;

namespace Vmm.Tests.Unit.State;

/// <summary>A record of which another one has several.</summary>
internal sealed class SampleQueue
{
    internal static readonly StateLayout<SampleQueue> First = new("sample-queue", version: 1)
    {
        { "index", s => ref s.Index },
        { "ready", s => ref s.Ready },
    };

    internal static readonly StateLayout<SampleQueue> Layout = new("sample-queue", version: 2, minimumVersion: 1)
    {
        { "index", s => ref s.Index },
        { "ready", s => ref s.Ready },
        { "requests", s => s.Requests, 2, 2 },
    };

    internal ushort Index;
    internal bool Ready;
    internal readonly uint[] Requests = new uint[2];
}
