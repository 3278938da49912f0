namespace Vmm.Bench.Handover.Contenders;

/// <summary>
/// The guest <c>queues</c> under load: each vCPU keeps writes in flight on a queue of its own. After a handover each queue must give something
/// back: an interrupt, a notification or a request that was lost would end it.
/// </summary>
/// <param name="guest">The guest, which counts and has made no load yet.</param>
/// <param name="vcpus">Its vCPUs.</param>
internal sealed class LoadedGuest(IContender guest, int vcpus) : IContender
{
    private bool _isLoaded;

    /// <inheritdoc/>
    public string RamPath => guest.RamPath;

    /// <inheritdoc/>
    public void Prepare()
    {
        guest.Prepare();
        if (!_isLoaded)
        {
            RamFile.Set(RamPath, RamFile.Go);
            _isLoaded = true;
        }

        ExpectProgress();
    }

    /// <inheritdoc/>
    public Hop Switch()
    {
        var hop = guest.Switch();
        ExpectProgress();
        return hop;
    }

    /// <inheritdoc/>
    public void Rest() => guest.Rest();

    /// <inheritdoc/>
    public void Dispose() => guest.Dispose();

    private void ExpectProgress()
    {
        string ram = RamPath;
        for (int queue = 0; queue < vcpus; queue++)
        {
            long place = RamFile.Done + (queue * sizeof(ulong));
            RamFile.WaitPast(ram, place, RamFile.Count(ram, place));
        }
    }
}
