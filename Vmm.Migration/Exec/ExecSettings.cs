// What the operator of the program that went had set. The program that replaces it begins with its own settings, as QEMU's does, and takes only from
// here whether clients are waiting for events. The program that went gets all of it back, if it comes back.

using System.Text;
using Vmm.Core.State;
using Vmm.Migration.Plans;
using Vmm.Migration.Settings;

namespace Vmm.Migration.Exec;

/// <summary>Parameters and capabilities of an attempt.</summary>
/// <param name="Parameters">The migration parameters.</param>
/// <param name="Capabilities">The migration capabilities.</param>
internal sealed record ExecSettings(MigrationParameters Parameters, MigrationCapabilities Capabilities)
{
    private const uint Events = 1;
    private const uint IgnoreShared = 2;
    private const uint ValidateUuid = 4;
    private const uint ReturnPath = 8;

    internal static ExecSettings Read(StateReader reader)
    {
        uint capabilities = reader.ReadUInt32();
        var parameters = new MigrationParameters
        {
            Mode = MigrationMode.CprExec,
            CprUri = reader.ReadText(),
            CprConnectTimeout = reader.ReadUInt32(),
            CprPlanTimeout = reader.ReadUInt32(),
            CprReadyTimeout = reader.ReadUInt32(),
            CprStateTimeout = reader.ReadUInt32(),
            CprDrainTimeout = reader.ReadUInt32(),
            CprLoadTimeout = reader.ReadUInt32(),
            CprAcknowledgeTimeout = reader.ReadUInt32(),
            CprPrefaultBudget = reader.ReadUInt32(),
            CprExecCommand = [.. ExecArguments.Read(reader).Select(Encoding.UTF8.GetString)],
        };

        // What a later program writes besides is not for this one.
        return new ExecSettings(parameters, new MigrationCapabilities
        {
            Events = (capabilities & Events) != 0,
            IgnoreShared = (capabilities & IgnoreShared) != 0,
            ValidateUuid = (capabilities & ValidateUuid) != 0,
            ReturnPath = (capabilities & ReturnPath) != 0,
        });
    }

    internal void Write(StateWriter writer)
    {
        writer.WriteUInt32(
            (Capabilities.Events ? Events : 0)
            | (Capabilities.IgnoreShared ? IgnoreShared : 0)
            | (Capabilities.ValidateUuid ? ValidateUuid : 0)
            | (Capabilities.ReturnPath ? ReturnPath : 0));
        writer.WriteText(Parameters.CprUri);
        foreach (uint time in (uint[])
            [
                Parameters.CprConnectTimeout, Parameters.CprPlanTimeout, Parameters.CprReadyTimeout, Parameters.CprStateTimeout,
                Parameters.CprDrainTimeout, Parameters.CprLoadTimeout, Parameters.CprAcknowledgeTimeout, Parameters.CprPrefaultBudget,
            ])
        {
            writer.WriteUInt32(time);
        }

        ExecArguments.Write(writer, [.. Parameters.CprExecCommand.Select(Encoding.UTF8.GetBytes)]);
    }
}
