namespace Vmm.Bench.Handover.Contenders;

/// <summary>
/// The guest <c>queues</c> under load: each vCPU keeps writes in flight on a queue of its own, and the rings of a network card are full. After a
/// handover each queue must give something back: an interrupt, a notification or a request that was lost would end it.
/// </summary>
/// <param name="guest">The guest, which counts and has made no load yet.</param>
/// <param name="vcpus">Its vCPUs.</param>
/// <param name="pairs">Pairs of queues that its network card has; none without a card.</param>
internal sealed class LoadedGuest(IContender guest, int vcpus, int pairs = 0) : IContender
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
        var queues = Enumerable.Range(0, vcpus).Select(queue => RamFile.Done + (queue * sizeof(ulong)));
        foreach (long count in queues.Concat(Enumerable.Range(0, pairs).Select(pair => RamFile.Frames + (pair * sizeof(ulong)))))
        {
            RamFile.WaitPast(ram, count, RamFile.Count(ram, count));
        }
    }
}
