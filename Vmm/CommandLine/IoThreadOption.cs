using Vmm.Core.Configuration;

namespace Vmm.CommandLine;

/// <summary>-object iothread.</summary>
internal static class IoThreadOption
{
    /// <summary>What QEMU has, with the value that it has by default: here there is only that.</summary>
    private static readonly (string Key, ulong Default)[] Fixed =
        [("poll-grow", 0), ("poll-shrink", 0), ("aio-max-batch", 0), ("thread-pool-min", 0), ("thread-pool-max", 64)];

    /// <summary>Reads [poll-max-ns=N].</summary>
    internal static IoThreadConfiguration Read(string id, OptionList options)
    {
        var thread = new IoThreadConfiguration(id);
        thread = options.TakeWholeNumber("poll-max-ns", long.MaxValue) is { } poll ? thread with { PollMaxNanoseconds = (long)poll } : thread;
        foreach (var (key, only) in Fixed)
        {
            if (options.TakeWholeNumber(key, long.MaxValue) is { } value && value != only)
            {
                throw new CommandLineException($"{key}={value} is not supported: expected {only}, the default");
            }
        }

        options.Finish();
        return thread;
    }
}
