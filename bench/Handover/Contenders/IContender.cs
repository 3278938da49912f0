namespace Vmm.Bench.Handover.Contenders;

/// <summary>One way to hand a running guest to a new process, done again and again.</summary>
internal interface IContender : IDisposable
{
    /// <summary>The file that is the guest's RAM, for as long as the process that has the guest lives.</summary>
    string RamPath { get; }

    /// <summary>Has a new process wait for the guest, which runs on.</summary>
    void Prepare();

    /// <summary>Hands the guest over to it.</summary>
    Hop Switch();
}
