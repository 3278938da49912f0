// The keyboard controller in a saved file: as QEMU's, which has a keyboard and a mouse besides.

using Vmm.Core.State;
using static Vmm.Core.Devices.Isa.I8042.I8042Ports;

namespace Vmm.Core.Devices.Isa.I8042;

/// <summary>The keyboard controller in a saved file.</summary>
internal sealed class I8042SavedForm : SavedForm<I8042State>
{
    private readonly Record _record = new();

    internal I8042SavedForm(IStateful controller, string section, int instance)
        : base(controller, I8042State.Layout, new I8042State()) =>
        Parts = [new SavedPart<Record>(section, instance, Record.Layout, _record)];

    /// <inheritdoc/>
    public override IReadOnlyList<SavedPart> Parts { get; }

    /// <inheritdoc/>
    protected override void Fill(I8042State own)
    {
        (_record.PendingCommand, _record.Status, _record.Mode) = (own.PendingCommand, own.Status, own.Mode);
        (_record.OutputPort, _record.Answer) = (own.OutputPort, own.Answer);
        _record.AnswerSource = (own.Status & StatusOutputFull) != 0 ? Record.Controller : 0;
    }

    /// <inheritdoc/>
    protected override void Take(I8042State own)
    {
        (own.PendingCommand, own.Status, own.Mode) = (_record.PendingCommand, _record.Status, _record.Mode);
        (own.OutputPort, own.Answer) = (_record.OutputPort, _record.Answer);
    }

    /// <summary>QEMU's section.</summary>
    internal sealed class Record
    {
        /// <summary>The byte that the data port reads is the controller's own.</summary>
        internal const uint Controller = 4;

        private const byte UsualOutputPort = LineReset | LineA20;

        internal static readonly StateLayout<Record> Layout = new("pckbd", version: 3)
        {
            {
                "kbd",
                s => s,
                new StateLayout<Record>("pckbd", version: 3)
                {
                    { "write_cmd", s => ref s.PendingCommand },
                    { "status", s => ref s.Status },
                    { "mode", s => ref s.Mode },
                    { "pending_tmp", s => ref s._pending },
                    {
                        new StateLayout<Record>("pckbd_outport", version: 1)
                        {
                            { "outport", s => ref s.OutputPort },
                        },
                        s => s.OutputPort != UsualOutputPort
                    },
                    {
                        new StateLayout<Record>("pckbd/extended_state", version: 0)
                        {
                            { "migration_flags", s => ref s._timers },
                            { "obsrc", s => ref s.AnswerSource },
                            { "obdata", s => ref s.Answer },
                            { "cbdata", s => ref s._command },
                        },
                        _ => true
                    },
                }
            },
        };

        /// <summary>The command whose parameter comes next.</summary>
        internal byte PendingCommand;

        /// <summary>The status register.</summary>
        internal byte Status;

        /// <summary>The mode byte.</summary>
        internal byte Mode;

        /// <summary>The output lines.</summary>
        internal byte OutputPort = UsualOutputPort;

        /// <summary>Whose the byte is that the data port reads.</summary>
        internal uint AnswerSource;

        /// <summary>That byte.</summary>
        internal byte Answer;

        // Of keyboard and mouse, which are not here.
        private byte _pending;
        private uint _timers;
        private byte _command;
    }
}
