namespace Vmm.Tests.Unit.Loop;

/// <summary>Runs something on a thread of its own, for which one system call fails.</summary>
internal static class RefusedCall
{
    /// <summary>Runs it; what it throws is thrown here.</summary>
    internal static void Run(uint number, uint error, Action action) => OwnThread.Run(() =>
    {
        SeccompFilter.Refuse(number, error);
        action();
    });
}
