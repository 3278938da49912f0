using System.Diagnostics;

namespace Vmm.Tests.EndToEnd.Exec;

/// <summary>A process that one of the test's processes has started, and that outlives it: ended with the test.</summary>
internal sealed class OtherProcess(int id) : IAsyncDisposable
{
    public ValueTask DisposeAsync()
    {
        try
        {
            using var process = Process.GetProcessById(id);
            process.Kill();
        }
        catch (ArgumentException)
        {
            // It has ended.
        }

        return ValueTask.CompletedTask;
    }
}
