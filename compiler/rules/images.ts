import type { Finding } from '../diagnostics/finding.ts';
import type { Placed } from '../source/span.ts';
import type { Draft } from './draft.ts';
import { withdrawn } from './version.ts';

const reference =
  /^(?<name>[A-Za-z0-9][A-Za-z0-9._-]*(?::\d+)?(?:\/[A-Za-z0-9][A-Za-z0-9._-]*)*)(?::(?<tag>\w[\w.-]{0,127}))?(?:@(?<digest>sha256:[0-9a-f]{64}))?$/;

/** An image that moves by itself would upgrade a node at its next restart. */
export function checkImages({ images, version }: Draft): Finding[] {
  return [images.fe, images.be].flatMap(image => (image === undefined ? [] : checkImage(image, version?.value)));
}

function checkImage({ value, at }: Placed<string>, version: string | undefined): Finding[] {
  const parts = reference.exec(value)?.groups;
  if (parts === undefined) {
    return [
      {
        code: 'E_IMAGE',
        at,
        message: `\`${value}\` is not an image reference.`,
        hint: 'Write `name:tag`, `name@sha256:…` or `name:tag@sha256:…`.',
      },
    ];
  }
  const { tag, digest } = parts;
  if (tag === undefined && digest === undefined) {
    return [
      {
        code: 'E_IMAGE',
        at,
        message: `\`${value}\` has neither a tag nor a digest, which means \`latest\`.`,
        hint: `Write \`${value}:${version ?? '3.3.18'}\`.`,
      },
    ];
  }
  if (tag !== undefined && digest === undefined && /(^|-)latest$/i.test(tag)) {
    return [
      {
        code: 'E_IMAGE',
        at,
        message: `The tag \`${tag}\` is another release every month, and an upgrade is a decision.`,
        hint: 'Write the exact release as the tag, or add a digest.',
      },
    ];
  }
  const release = /^\d+\.\d+\.\d+(-rc\d+)?/.exec(tag ?? '')?.[0];
  const instead = withdrawn.get(release ?? '');
  if (instead !== undefined && release !== version) {
    return [
      {
        code: 'E_VERSION_WITHDRAWN',
        at,
        message: `StarRocks withdrew release ${release}, which this image is tagged.`,
        hint: `Take \`${instead}\` or a later one.`,
      },
    ];
  }
  if (version === undefined || release === undefined || release === version) return [];
  return [
    {
      code: 'W_IMAGE_VERSION',
      at,
      message: `The image is tagged ${release}, and \`starrocks.version\` is ${version}.`,
      hint: 'Write the same release at both: a deploy compares the running version with `starrocks.version`.',
    },
  ];
}
