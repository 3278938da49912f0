using Vmm.Core.Devices;

namespace Vmm.Tests.Unit.Devices;

/// <summary>Counts what a guest requested.</summary>
internal sealed class RecordedPower : IPowerControl
{
    internal int Resets { get; private set; }

    internal int Shutdowns { get; private set; }

    internal int? ExitStatus { get; private set; }

    public void RequestReset() => Resets++;

    public void RequestShutdown() => Shutdowns++;

    public void RequestExit(int status) => ExitStatus = status;
}
