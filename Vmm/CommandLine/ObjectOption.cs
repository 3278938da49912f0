// -object makes back ends that devices and the machine name by id. Each kind reads its own properties; what is common is the type, the
// id, and that no two objects have the same one.

using Vmm.Core.Backends.Block;
using Vmm.Core.Configuration;

namespace Vmm.CommandLine;

/// <summary>-object.</summary>
internal static class ObjectOption
{
    /// <summary>The types of objects.</summary>
    internal static IEnumerable<string> Types =>
        MemoryBackendConfiguration.Types.Keys.Concat(RngConfiguration.Types.Keys)
            .Append(ThrottleGroupConfiguration.TypeName)
            .Append(IoThreadConfiguration.TypeName)
            .Append(SecretConfiguration.TypeName)
            .Order(StringComparer.Ordinal);

    /// <summary>Reads [qom-type=]TYPE,id=ID[,…] or the same as a JSON object.</summary>
    internal static void Add(ConfigurationDraft draft, OptionList options)
    {
        string type = options.TakeRequired("qom-type");
        if (!Types.Contains(type))
        {
            throw new CommandLineException($"invalid object type: {type}: expected {string.Join(", ", Types.SkipLast(1))} or {Types.Last()}");
        }

        string id = options.TakeId() ?? throw new CommandLineException("Parameter 'id' is missing");
        draft.RequireNewObject(id);
        switch (type)
        {
            case ThrottleGroupConfiguration.TypeName:
                draft.Blocks.AddGroup(ThrottleOption.ReadObject(id, options));
                break;
            case IoThreadConfiguration.TypeName:
                draft.AddIoThread(IoThreadOption.Read(id, options));
                break;
            case SecretConfiguration.TypeName:
                draft.AddSecret(SecretOption.Read(id, options));
                break;
            case var rng when RngConfiguration.Types.ContainsKey(rng):
                draft.AddRng(RngOption.Read(type, id, options));
                break;
            default:
                draft.AddBackend(MemoryBackendOption.Read(type, id, options));
                break;
        }
    }
}
