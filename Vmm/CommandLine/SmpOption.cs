using System.Globalization;
using Vmm.Core.Configuration;

namespace Vmm.CommandLine;

/// <summary>
/// -smp: how many vCPUs, and how they are grouped; what is left unsaid is worked out as QEMU does since 6.2: more cores rather than more sockets.
/// </summary>
internal static class SmpOption
{
    /// <summary>The most vCPUs: xAPIC ids are 8 bits, and 255 is the broadcast.</summary>
    private const int MaxCpus = 255;

    private static readonly string[] OtherGroups = ["dies", "clusters", "modules", "books", "drawers"];

    /// <summary>Reads [cpus=]N[,sockets=][,cores=][,threads=][,maxcpus=].</summary>
    internal static CpuTopology Read(OptionList options)
    {
        var (cpus, maxCpus) = (Take(options, "cpus"), Take(options, "maxcpus"));
        var (sockets, cores, threads) = (Take(options, "sockets"), Take(options, "cores"), Take(options, "threads"));
        if (OtherGroups.FirstOrDefault(group => Take(options, group) > 1) is { } unsupported)
        {
            throw new CommandLineException($"{unsupported} > 1 not supported by this machine's CPU topology");
        }

        options.Finish();

        var total = maxCpus > 0 ? maxCpus : cpus;
        if (total > 0 && cores == 0)
        {
            (sockets, threads) = (OrOne(sockets), OrOne(threads));
            cores = total / (sockets * threads);
        }
        else if (total > 0 && sockets == 0)
        {
            threads = OrOne(threads);
            sockets = total / (cores * threads);
        }
        else if (total > 0 && threads == 0)
        {
            threads = total / (sockets * cores);
        }

        return total > 0
            ? Checked(cpus > 0 ? cpus : total, sockets, cores, threads, total)
            : Checked(0, OrOne(sockets), OrOne(cores), OrOne(threads), 0);
    }

    /// <summary>Checks a topology; a count of 0 stands for the product of the groups.</summary>
    private static CpuTopology Checked(int count, int sockets, int cores, int threads, int maxCpus)
    {
        var product = (long)sockets * cores * threads;
        if (maxCpus == 0 ? product > MaxCpus : product != maxCpus)
        {
            throw maxCpus == 0 ? TooMany(product) : new CommandLineException(
                "Invalid CPU topology: product of the hierarchy must match maxcpus: "
                + string.Create(CultureInfo.InvariantCulture, $"sockets ({sockets}) * cores ({cores}) * threads ({threads}) != maxcpus ({maxCpus})"));
        }

        if (count > maxCpus && maxCpus > 0)
        {
            throw new CommandLineException(string.Create(CultureInfo.InvariantCulture,
                $"Invalid CPU topology: maxcpus must be equal to or greater than smp: maxcpus ({maxCpus}) < smp_cpus ({count})"));
        }

        if (count > 0 && count < maxCpus)
        {
            throw new CommandLineException(string.Create(CultureInfo.InvariantCulture,
                $"maxcpus ({maxCpus}) above cpus ({count}): CPUs cannot be added later, so both must be equal"));
        }

        return product > MaxCpus ? throw TooMany(product) : new CpuTopology((int)product, sockets, cores, threads);
    }

    private static int Take(OptionList options, string key) => options.TakeNumber(key, 1, 4096) ?? 0;

    private static int OrOne(int value) => value > 0 ? value : 1;

    private static CommandLineException TooMany(long cpus) => new(string.Create(CultureInfo.InvariantCulture,
        $"Invalid SMP CPUs {cpus}. The max CPUs supported by machine 'microvm' is {MaxCpus}"));
}
