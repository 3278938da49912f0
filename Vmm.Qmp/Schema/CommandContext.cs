using System.Runtime.InteropServices;

namespace Vmm.Qmp.Schema;

/// <summary>What a command handler may know of, and do to, the session whose command it runs.</summary>
public abstract class CommandContext
{
    /// <summary>Whether the command was sent with <c>exec-oob</c>.</summary>
    public abstract bool IsOob { get; }

    /// <summary>Ends capabilities negotiation with these capabilities switched on.</summary>
    /// <param name="capabilities">What the client requested, maybe nothing.</param>
    /// <exception cref="QmpException">One of them was not offered in the greeting, or the negotiation is already over.</exception>
    public abstract void EnableCapabilities(IReadOnlyList<QMPCapability> capabilities);

    /// <summary>Takes the descriptor that came with the command (SCM_RIGHTS); the caller owns it.</summary>
    /// <returns>The descriptor, or null when none came, or when it was taken before.</returns>
    public abstract SafeHandle? TakeReceivedDescriptor();
}
