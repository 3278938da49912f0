using System.Text;

namespace Vmm.Lab.Hosts;

/// <summary>How a command ended and what it said.</summary>
/// <param name="Status">Its exit status.</param>
/// <param name="Output">Its standard output.</param>
/// <param name="Errors">Its standard error.</param>
public sealed record CommandResult(int Status, string Output, string Errors);

/// <summary>Whole commands on a host: run, read a file, write a file, make a folder.</summary>
public static class Shell
{
    /// <summary>One command line out of a program and its arguments, each quoted.</summary>
    public static string Quote(params IEnumerable<string> words) =>
        string.Join(' ', words.Select(word => $"'{word.Replace("'", @"'\''", StringComparison.Ordinal)}'"));

    /// <summary>Runs a command to its end, whatever its status.</summary>
    public static Task<CommandResult> TryRunAsync(this IHost host, string command, CancellationToken cancellation = default) =>
        host.TryRunAsync(command, default, cancellation);

    /// <summary>Runs a command to its end; a status other than 0 is an error.</summary>
    /// <returns>Its standard output.</returns>
    /// <exception cref="IOException">It failed; the message holds the status and what it said.</exception>
    public static Task<string> RunAsync(this IHost host, string command, CancellationToken cancellation = default) =>
        host.RunAsync(command, default, cancellation);

    /// <summary>The content of a file on the host.</summary>
    public static async Task<byte[]> ReadFileAsync(this IHost host, string path, CancellationToken cancellation = default)
    {
        await using var process = await host.StartAsync($"exec cat {Quote(path)}", cancellation);
        using var content = new MemoryStream();
        var errors = new StreamReader(process.Errors).ReadToEndAsync(cancellation);
        await process.Output.CopyToAsync(content, cancellation);
        return await process.Exited.WaitAsync(cancellation) == 0
            ? content.ToArray()
            : throw new IOException($"{path} on {host.Name}: {await errors}");
    }

    /// <summary>Writes a file on the host, replacing what was there.</summary>
    public static Task WriteFileAsync(
        this IHost host, string path, ReadOnlyMemory<byte> content, CancellationToken cancellation = default) =>
        host.RunAsync($"exec cat > {Quote(path)}", content, cancellation);

    /// <summary>Makes a new, empty folder on the host.</summary>
    public static async Task<string> MakeFolderAsync(this IHost host, CancellationToken cancellation = default) =>
        (await host.RunAsync("exec mktemp -d \"${TMPDIR:-/tmp}/vmm.XXXXXX\"", cancellation)).TrimEnd();

    private static async Task<string> RunAsync(
        this IHost host, string command, ReadOnlyMemory<byte> input, CancellationToken cancellation)
    {
        var result = await host.TryRunAsync(command, input, cancellation);
        return result.Status == 0
            ? result.Output
            : throw new IOException($"`{command}` on {host.Name} ended with status {result.Status}: {result.Output}{result.Errors}");
    }

    private static async Task<CommandResult> TryRunAsync(
        this IHost host, string command, ReadOnlyMemory<byte> input, CancellationToken cancellation)
    {
        await using var process = await host.StartAsync(command, cancellation);
        var output = new StreamReader(process.Output, Encoding.UTF8).ReadToEndAsync(cancellation);
        var errors = new StreamReader(process.Errors, Encoding.UTF8).ReadToEndAsync(cancellation);
        await process.Input.WriteAsync(input, cancellation);
        await process.Input.DisposeAsync();
        return new CommandResult(await process.Exited.WaitAsync(cancellation), await output, await errors);
    }
}
