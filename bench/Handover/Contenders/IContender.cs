namespace Vmm.Bench.Handover.Contenders;

/// <summary>
/// One way to hand a running guest to a new process, done again and again. Between its turns its guest rests, so that it does not take the
/// processor from the others.
/// </summary>
internal interface IContender : IDisposable
{
    /// <summary>The file that is the guest's RAM, for as long as the process that has the guest lives.</summary>
    string RamPath { get; }

    /// <summary>Has the guest run, and a new process wait for it.</summary>
    void Prepare();

    /// <summary>Hands the guest over to it.</summary>
    Hop Switch();

    /// <summary>Has the guest rest until the next turn.</summary>
    void Rest();
}
