using System.Runtime.CompilerServices;
using Vmm.Core.Devices.Model;
using Vmm.Core.Devices.Virtio.Transports.Mmio;

namespace Vmm.Core.Devices.Virtio.Rng;

/// <summary>virtio-rng-device: random numbers for the guest. How many and from where only the host can see, so both may change with an update.</summary>
public sealed class RngType : VirtioMmioType
{
    /// <summary>Where the numbers come from.</summary>
    public static readonly RngProperty Source = new("rng", "id of the source of random numbers; by default an rng-builtin of its own")
    {
        Visibility = Visibility.Host,
    };

    /// <summary>The most bytes in a period.</summary>
    public static readonly WideNumberProperty MaxBytes = new("max-bytes", "the most bytes that the guest is given in a period")
    {
        Default = long.MaxValue,
        Visibility = Visibility.Host,
    };

    /// <summary>How long a period is, in milliseconds.</summary>
    public static readonly NumberProperty Period = new("period", "how long a period is, in milliseconds")
    {
        Default = 1 << 16,
        Visibility = Visibility.Host,
    };

    /// <summary>The only instance.</summary>
    public static readonly RngType Instance = new();

    private RngType()
        : base("virtio-rng-device", "virtio entropy device", Source, MaxBytes, Period) => Layouts = [RngState.Layout];

    /// <inheritdoc/>
    protected override VirtioDevice CreateVirtio(IDeviceContext context, DeviceConfiguration configuration)
    {
        var source = context.OpenRng((string?)configuration.ValueOf(Source));
        try
        {
            return new Rng(context, source, configuration.Get(MaxBytes), TimeSpan.FromMilliseconds(configuration.Get(Period)));
        }
        catch
        {
            source.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    protected override void Check(DeviceConfiguration device)
    {
        if (device.Get(Period) == 0)
        {
            throw new DeviceException("'period' parameter expects a positive integer");
        }

        if (device.Get(MaxBytes) > long.MaxValue)
        {
            throw new DeviceException("'max-bytes' parameter must be non-negative, and less than 2^63");
        }
    }

    [ModuleInitializer]
    internal static void Register() => DeviceTypes.Add(Instance);
}
