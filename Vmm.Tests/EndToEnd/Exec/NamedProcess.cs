using System.Globalization;

namespace Vmm.Tests.EndToEnd.Exec;

/// <summary>The process that a pid file names when the test ends, however it ends: a keeper that has the guest is no process of the test's, and outlives those.</summary>
/// <param name="file">The pid file.</param>
internal sealed class NamedProcess(string file) : IAsyncDisposable
{
    public async ValueTask DisposeAsync()
    {
        if (File.Exists(file) && int.TryParse(await File.ReadAllTextAsync(file), NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture, out int id))
        {
            await new OtherProcess(id).DisposeAsync();
        }
    }
}
