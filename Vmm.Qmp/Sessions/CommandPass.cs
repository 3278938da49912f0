namespace Vmm.Qmp.Sessions;

/// <summary>A command that runs, until it is disposed. Any thread.</summary>
/// <param name="hold">Where it was let in.</param>
/// <param name="command">Its name.</param>
internal sealed class CommandPass(CommandHold hold, string command) : IDisposable
{
    /// <summary>It counts as running (again).</summary>
    internal void Continue() => hold.Add(this, command);

    /// <summary>It waits for what may be the end of this program, and does not count as running meanwhile.</summary>
    internal void Rest() => hold.Remove(this);

    /// <inheritdoc/>
    public void Dispose() => hold.Remove(this);
}
