// A tap interface of the host: what the guest sends comes out of it, what is sent to it goes to the guest.
//
// It has a descriptor for each queue. The kernel keeps the frames for a descriptor in a queue of its own (txqueuelen), which belongs to the open file: so
// in a live update the descriptors cross, and what arrives while no process reads is there for the next process. Header size and offloads are set where a
// descriptor is opened for a guest that boots here, and by the guest's driver later; a process that takes a guest over changes none of that.
//
// What else a descriptor says of itself (its interface's name, whether frames are put into it) may change until the guest is here, because the guest of the
// old process continues: so that is asked when the first decision of the driver's is carried out here.
//
// A script is run once, when the interface is opened for a guest that boots. The other is run by the process that has the guest at its end.

using System.Globalization;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Descriptors;
using Vmm.Core.Native;

namespace Vmm.Core.Backends.Net;

/// <summary>A tap as a network back end.</summary>
/// <param name="configuration">What it is to be.</param>
/// <param name="log">Where a script that fails at the end is reported.</param>
internal sealed class TapNetdev(TapNetdevConfiguration configuration, ILogger log) : NetBackEnd(configuration)
{
    private SafeFileHandle[] _taps = [];
    private TapQueue[] _queues = [];
    private bool[] _areActive = [];
    private bool _hasHeaders;
    private string _interfaceName = "";
    private bool _isGuestHere;
    private bool _isKnown;

    /// <inheritdoc/>
    public override int QueueCount => configuration.Queues;

    /// <inheritdoc/>
    public override bool HasHeaders => _hasHeaders;

    /// <summary>The interface's name.</summary>
    internal string InterfaceName => Volatile.Read(ref _interfaceName);

    /// <inheritdoc/>
    public override string Description => string.Create(
        CultureInfo.InvariantCulture,
        $"type=tap,ifname={InterfaceName}{(QueueCount > 1 ? $",queues={QueueCount}" : "")}{(HasHeaders ? ",vnet_hdr=on" : "")}");

    /// <inheritdoc/>
    public override void Open()
    {
        if (configuration.Descriptors.Count > 0)
        {
            Use(TapOpening.Inherit(configuration));
            ServeFirstOnly();
            return;
        }

        Use(TapOpening.Open(configuration));
        ServeFirstOnly();
        if (configuration.Script is { } script && TapScript.Run(script, InterfaceName, TapScript.Limit, log) is { } why)
        {
            throw new NetException($"netdev '{Id}': network script {script} for interface '{InterfaceName}' failed: {why}: expected one that ends with status 0, or script=no");
        }

        _isGuestHere = true;
    }

    /// <inheritdoc/>
    public override void Adopt(HandedOverDescriptors handedOver)
    {
        ArgumentNullException.ThrowIfNull(handedOver);
        var taps = new List<SafeFileHandle>();
        try
        {
            while (handedOver.Claim(NameOf(taps.Count)) is { } tap)
            {
                taps.Add(tap);
            }

            if (taps.Count != QueueCount)
            {
                throw new NetException(
                    $"netdev '{Id}': {Queues(taps.Count)} came from the old process, and {Queues(QueueCount)} are configured here: expected queues={taps.Count}");
            }

            Use([.. taps]);
        }
        catch
        {
            taps.ForEach(tap => tap.Dispose());
            throw;
        }
    }

    /// <inheritdoc/>
    public override IEnumerable<HandoverDescriptor> Export() => _taps.Select((tap, queue) => new HandoverDescriptor(NameOf(queue), tap));

    /// <inheritdoc/>
    public override NetQueue QueueAt(int pair) => _queues[pair];

    /// <inheritdoc/>
    public override bool TrySetOffloads(NetOffloads offloads) => HasHeaders
        ? TapDevice.TrySetOffloads(_taps[0], (uint)offloads) == 0
        : offloads == NetOffloads.None;

    /// <inheritdoc/>
    public override bool TrySetActiveQueues(int pairs)
    {
        if (!Volatile.Read(ref _isKnown) && !TryAskActive())
        {
            return false;
        }

        bool isDone = true;
        for (int queue = 0; queue < _taps.Length; queue++)
        {
            bool isActive = queue < pairs;
            if (_areActive[queue] != isActive)
            {
                bool isSet = TapDevice.TryEnable(_taps[queue], isActive) == 0;
                _areActive[queue] = isSet ? isActive : !isActive;
                isDone &= isSet;
            }
        }

        return isDone;
    }

    /// <inheritdoc/>
    public override void Start()
    {
        _isGuestHere = true;
        Volatile.Write(ref _isKnown, false);
    }

    /// <inheritdoc/>
    public override void Release()
    {
        _isGuestHere = false;
        Close();
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        bool isEnd = _isGuestHere && configuration.Descriptors.Count == 0;
        _isGuestHere = false;
        if (isEnd && configuration.DownScript is { } script)
        {
            string name = (_taps is [var first, ..] ? TapDevice.Ask(first)?.Name : null) ?? InterfaceName;
            if (TapScript.Run(script, name, TapScript.Limit, log) is { } why)
            {
                TapScript.LogDownScriptFailed(log, Id, script, name, why);
            }
        }

        Close();
    }

    private static string Queues(int count) => count == 1 ? "1 queue" : string.Create(CultureInfo.InvariantCulture, $"{count} queues");

    private string NameOf(int queue) => string.Create(CultureInfo.InvariantCulture, $"netdev/{Id}/{queue}");

    /// <summary>The host may put a frame into any queue that is attached, and no driver has said yet that it serves more than the first.</summary>
    private void ServeFirstOnly()
    {
        if (!TrySetActiveQueues(1))
        {
            throw new NetException($"netdev '{Id}': the host does not detach the further queues of interface '{InterfaceName}': expected a kernel with TUNSETQUEUE");
        }
    }

    /// <summary>Examines descriptors, and serves them from here on.</summary>
    private void Use(SafeFileHandle[] taps)
    {
        try
        {
            (_interfaceName, _hasHeaders) = TapDescription.Of(configuration, taps);
            _areActive = new bool[taps.Length];
            _queues = [.. taps.Select(static tap => new TapQueue(tap))];
            _taps = taps;
        }
        catch
        {
            Array.ForEach(taps, static tap => tap.Dispose());
            throw;
        }
    }

    /// <summary>Asks the kernel into which queues it puts frames: to switch one to what it is already is an error.</summary>
    /// <returns>False if the interface is gone.</returns>
    private bool TryAskActive()
    {
        for (int queue = 0; queue < _taps.Length; queue++)
        {
            if (TapDevice.Ask(_taps[queue]) is not { } asked)
            {
                return false;
            }

            _areActive[queue] = (asked.Flags & TapFlags.DetachQueue) == 0;
            Volatile.Write(ref _interfaceName, asked.Name);
        }

        Volatile.Write(ref _isKnown, true);
        return true;
    }

    private void Close()
    {
        Array.ForEach(_queues, static queue => queue.Dispose());
        Array.ForEach(_taps, static tap => tap.Dispose());
    }
}
